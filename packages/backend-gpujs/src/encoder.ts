/** Turns program steps into passes over planned tensors. */
import {
  byteSize,
  refuseWideTypes,
  runOnHost,
  sizeOf,
  viewArray,
  type Kernel,
  type PlannedTensor,
  type ProgramStep,
} from "@pare/tensor-core";
import type { Engine } from "./engine.ts";
import { dtypeUnsupported, tensorTooLarge } from "./errors.ts";
import type { Value } from "./library.ts";
import type { Memory, Place } from "./memory.ts";
import type { AnyShader, GpujsEncoder, GpujsTensor, GpujsTypes } from "./types.ts";

export interface Encoding {
  readonly run: () => void;
  readonly dispose: () => void;
}

/** What a kernel's tensor stands for while its step runs. */
type Source =
  | { readonly kind: "planned"; readonly memory: Memory; readonly place: Place; readonly rounded: boolean }
  | { readonly kind: "scratch" }
  | { readonly kind: "table"; readonly elements: Float32Array };

interface Pass {
  readonly shader: AnyShader;
  readonly output: GpujsTensor;
  readonly values: readonly (GpujsTensor | number)[];
}

/** Throws `backend-gpujs/tensor-too-large` and `backend-gpujs/dtype-unsupported` before anything runs. */
export function encodeSteps(steps: readonly ProgramStep[], kernels: ReadonlyMap<string, Kernel<GpujsTypes>>, engine: Engine): Encoding {
  const encoded = steps.map((step) => {
    const kernel = kernels.get(step.op.name);
    return kernel === undefined ? onHost(step) : new Step(step, kernel, engine);
  });
  return {
    run: () => {
      for (const step of encoded) step.run();
    },
    dispose: () => {
      for (const step of encoded) step.dispose();
    },
  };
}

/** An op without a kernel: its reference over the host's bytes. */
function onHost(step: ProgramStep): Encoding {
  return {
    run: () => {
      const copies = new Map<PlannedTensor, Uint8Array>();
      runOnHost(step, (planned) => {
        const { begin, end } = placeOf(planned);
        const bytes = memoryOf(planned).read(begin, end - begin);
        copies.set(planned, bytes);
        return viewArray(planned.dtype, bytes);
      });
      for (const output of Object.values(step.outputs)) memoryOf(output).write(copies.get(output)!, output.offset);
    },
    dispose: () => undefined,
  };
}

class Step implements Encoding {
  private readonly engine: Engine;
  private readonly sources = new Map<GpujsTensor, Source>();
  private readonly outputs = new Map<GpujsTensor, PlannedTensor>();
  private readonly passes: Pass[] = [];
  private readonly tables = new Map<GpujsTensor, Value>();

  constructor(step: ProgramStep, kernel: Kernel<GpujsTypes>, engine: Engine) {
    refuseWideTypes(step, dtypeUnsupported);
    this.engine = engine;
    const name = step.op.name;
    const inputs = mapTensors(step.inputs, (planned, field) => {
      const tensor = this.tensor(name, field, planned);
      this.sources.set(tensor, { kind: "planned", memory: memoryOf(planned), place: placeOf(planned), rounded: false });
      return tensor;
    });
    const outputs = mapTensors(step.outputs, (planned, field) => {
      const tensor = this.tensor(name, field, planned);
      this.outputs.set(tensor, planned);
      return tensor;
    });
    kernel.encode(this.encoder(name), inputs, outputs, step.attrs);
  }

  /** Inputs are read where they lie, results kept apart until all passes have run: an output may be planned over an input. */
  run(): void {
    const results = new Map<GpujsTensor, Value>();
    try {
      for (const { shader, output, values } of this.passes) {
        const given = values.map((value) => (typeof value === "number" ? value : this.valueOf(value, results)));
        const before = results.get(output);
        results.set(output, this.engine.run(shader, output.size, given));
        if (before !== undefined) this.engine.release(before);
      }
    } catch (error) {
      for (const value of results.values()) this.engine.release(value);
      throw error;
    }
    for (const [tensor, value] of results) {
      const planned = this.outputs.get(tensor);
      if (planned === undefined) this.engine.release(value);
      else memoryOf(planned).store(placeOf(planned), value);
    }
  }

  dispose(): void {
    for (const value of this.tables.values()) this.engine.release(value);
    this.tables.clear();
  }

  private valueOf(tensor: GpujsTensor, results: ReadonlyMap<GpujsTensor, Value>): Value {
    const result = results.get(tensor);
    if (result !== undefined) return result;
    const source = this.sources.get(tensor)!;
    if (source.kind === "planned") return source.memory.load(source.place, source.rounded);
    if (source.kind === "scratch") throw new Error("a kernel reads scratch that no pass wrote");
    let table = this.tables.get(tensor);
    if (table === undefined) {
      table = this.engine.upload(source.elements);
      this.tables.set(tensor, table);
    }
    return table;
  }

  private encoder(op: string): GpujsEncoder {
    return {
      pass: (shader, output, values) => {
        if (output.size === 0) return;
        const names = Object.keys(shader.parameters) as (keyof typeof shader.parameters)[];
        this.passes.push({ shader, output, values: names.map((name) => values[name] as GpujsTensor | number) });
      },
      scratch: (shape) => this.made(op, shape, { kind: "scratch" }),
      table: (values) => this.made(op, [values.length], { kind: "table", elements: Float32Array.from(values) }),
      rounded: (tensor) => {
        const source = this.sources.get(tensor);
        if (source?.kind !== "planned") return tensor;
        const copy = { ...tensor };
        this.sources.set(copy, { ...source, rounded: true });
        return copy;
      },
    };
  }

  private made(op: string, shape: readonly number[], source: Source): GpujsTensor {
    const tensor = this.checked(op, "scratch", { shape, dtype: "f32", size: sizeOf(shape) });
    this.sources.set(tensor, source);
    return tensor;
  }

  private tensor(op: string, field: string, { dtype, shape }: PlannedTensor): GpujsTensor {
    return this.checked(op, field, { dtype, shape, size: sizeOf(shape) });
  }

  private checked(op: string, field: string, tensor: GpujsTensor): GpujsTensor {
    const most = this.engine.largest;
    if (tensor.size > most) throw tensorTooLarge({ op, field, elements: tensor.size, most });
    return tensor;
  }
}

function mapTensors(
  planned: Readonly<Record<string, PlannedTensor | undefined>>,
  change: (planned: PlannedTensor, field: string) => GpujsTensor,
): Record<string, GpujsTensor> {
  return Object.fromEntries(
    Object.entries(planned).flatMap(([field, tensor]) => (tensor === undefined ? [] : [[field, change(tensor, field)]])),
  );
}

function memoryOf({ buffer }: PlannedTensor): Memory {
  return buffer.handle as Memory;
}

function placeOf({ offset, dtype, shape }: PlannedTensor): Place {
  return { begin: offset, end: offset + sizeOf(shape) * byteSize(dtype), dtype };
}
