/** What outlives executables on one device: uploaded weights, States, and the arena that programs share. */
import { nearNames } from "@pare/core";
import type { Device, DeviceBuffer } from "./device.ts";
import { sizeOf } from "./dim.ts";
import { byteSize, viewArray, type DType } from "./dtype.ts";
import { shapeMismatch, stateMisused, weightUnknown } from "./errors.ts";
import { zeros, type HostTensor } from "./host.ts";
import type { Candidate, StoredWeight } from "./storage/storage.ts";

/** A tensor with a buffer of its own. */
export interface Resident {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly buffer: DeviceBuffer;
}

export interface StoreOptions {
  /** Weights by name; a Map will do. */
  readonly weights?: Pick<ReadonlyMap<string, StoredWeight>, "get" | "keys"> | undefined;
}

/** Weights, States and the arena of one device; nothing is uploaded before it is used. */
export function createStore(device: Device, options: StoreOptions = {}): Store {
  return new Store(device, options.weights ?? new Map<string, StoredWeight>());
}

export class Store {
  readonly device: Device;
  private readonly weights: Pick<ReadonlyMap<string, StoredWeight>, "get" | "keys">;
  private readonly parts = new Map<string, Promise<Resident>>();
  private readonly stateTensors = new Map<string, Resident>();
  private arenaBuffer: DeviceBuffer | undefined;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(device: Device, weights: Pick<ReadonlyMap<string, StoredWeight>, "get" | "keys">) {
    this.device = device;
    this.weights = weights;
  }

  /** Throws `tensor-core/weight-unknown`. */
  weight(name: string): StoredWeight {
    const stored = this.weights.get(name);
    if (stored === undefined) throw weightUnknown({ weight: name, near: nearNames(name, this.weights.keys()) });
    return stored;
  }

  partType(weight: string, part: string, candidate: Candidate): { readonly dtype: DType; readonly shape: readonly number[] } {
    const found = candidate.derived?.[part] ?? this.weight(weight).parts[part];
    if (found === undefined) throw weightUnknown({ weight: `${weight}#${part}`, near: Object.keys(this.weight(weight).parts) });
    return { dtype: found.dtype, shape: found.shape };
  }

  /** Uploads a part of a weight once; undefined stands for the whole weight as dense f32. */
  resident(weight: string, part: string | undefined): Promise<Resident> {
    const key = part === undefined ? weight : `${weight}#${part}`;
    let resident = this.parts.get(key);
    if (resident === undefined) {
      resident = this.upload(weight, part);
      this.parts.set(key, resident);
    }
    return resident;
  }

  /** Creates the State, or gives it a new value: in place when its type stays, in a new buffer otherwise. */
  setState(name: string, value: HostTensor): void {
    const known = this.stateTensors.get(name);
    const same = known !== undefined && known.dtype === value.dtype && known.shape.join() === value.shape.join();
    if (same) this.device.write(known.buffer, value.data);
    else {
      if (known !== undefined) this.device.free(known.buffer);
      this.stateTensors.set(name, this.place(value));
    }
  }

  createState(name: string, dtype: DType, shape: readonly number[]): void {
    this.setState(name, zeros(dtype, shape));
  }

  /** Throws `tensor-core/state-misused` when it was never created. */
  state(name: string): Resident {
    const found = this.stateTensors.get(name);
    if (found === undefined)
      throw stateMisused({
        state: name,
        why: `this State was not created (there are: ${[...this.stateTensors.keys()].join(", ") || "none"})`,
      });
    return found;
  }

  states(): string[] {
    return [...this.stateTensors.keys()];
  }

  async readState(name: string): Promise<HostTensor> {
    const { dtype, shape, buffer } = this.state(name);
    const bytes = await this.exclusive(() => this.device.read(buffer, 0, byteSize(dtype) * sizeOf(shape)));
    return { dtype, shape, data: viewArray(dtype, bytes) };
  }

  dropState(name: string): void {
    this.device.free(this.state(name).buffer);
    this.stateTensors.delete(name);
  }

  /** The arena, at least this large; a larger one replaces it, so programs compare before each run. */
  arena(bytes: number): DeviceBuffer {
    if (this.arenaBuffer === undefined || this.arenaBuffer.bytes < bytes) {
      if (this.arenaBuffer !== undefined) this.device.free(this.arenaBuffer);
      this.arenaBuffer = undefined;
      this.arenaBuffer = this.device.allocate(bytes);
    }
    return this.arenaBuffer;
  }

  place(tensor: HostTensor): Resident {
    const buffer = this.device.allocate(tensor.data.byteLength);
    this.device.write(buffer, tensor.data);
    return { dtype: tensor.dtype, shape: tensor.shape, buffer };
  }

  /** Runs one at a time: programs of one store share its arena. */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.queue.then(work, work);
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  async dispose(): Promise<void> {
    await this.exclusive(async () => {
      for (const { buffer } of this.stateTensors.values()) this.device.free(buffer);
      for (const resident of this.parts.values())
        await resident.then(
          ({ buffer }) => this.device.free(buffer),
          () => undefined,
        );
      if (this.arenaBuffer !== undefined) this.device.free(this.arenaBuffer);
      this.stateTensors.clear();
      this.parts.clear();
      this.arenaBuffer = undefined;
    });
  }

  private async upload(weight: string, part: string | undefined): Promise<Resident> {
    const stored = this.weight(weight);
    if (part === undefined) return this.place(await stored.dense());
    const derived = stored
      .candidates("linear")
      .concat(stored.candidates("rows"))
      .find((candidate) => candidate.derived?.[part] !== undefined)?.derived?.[part];
    const tensor = derived === undefined ? await stored.parts[part]!.read() : await derived.make(weight);
    const declared = derived ?? stored.parts[part]!;
    if (tensor.dtype !== declared.dtype || tensor.shape.join() !== declared.shape.join()) {
      throw shapeMismatch({
        op: "upload",
        field: `${weight}#${part}`,
        expected: `${declared.dtype} [${declared.shape.join(", ")}]`,
        found: `${tensor.dtype} [${tensor.shape.join(", ")}]`,
      });
    }
    return this.place(tensor);
  }
}
