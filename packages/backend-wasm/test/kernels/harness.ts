/** Calls single kernel functions over a memory of their own, at misaligned addresses, between guard words. */
import { describe, expect } from "vitest";
import { modules } from "../../src/generated/modules.ts";
import { instantiateOwn } from "../../src/instantiate.ts";
import type { WasmFunctions } from "../../src/encoder.ts";
import { VARIANTS, type Variant } from "../../src/variants.ts";

const runs = await Promise.all(VARIANTS.map(async ({ name }) => WebAssembly.validate(await modules[name]())));
const RUNNABLE = VARIANTS.filter((_, index) => runs[index]);
const GUARD = 0x7f7f7f7f;

/** 0…2·lanes of four, and a length with several whole vectors and a tail. */
export const LENGTHS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 37];

export interface Place {
  readonly address: number;
  readonly length: number;
}

export class Bench {
  readonly functions: WasmFunctions;
  private readonly memory: WebAssembly.Memory;
  private readonly places: Place[] = [];
  private top = 0;
  private seed = 1;

  constructor(functions: WasmFunctions, memory: WebAssembly.Memory) {
    this.functions = functions;
    this.memory = memory;
    this.clear();
  }

  /** Forgets all places. */
  clear(): void {
    this.places.length = 0;
    this.top = 1024;
    new Uint32Array(this.memory.buffer).fill(GUARD, 256);
  }

  /** Room for words, 4 bytes past a multiple of 16, holding these values. */
  words(values: readonly number[] | number, kind: "f32" | "i32" = "f32"): Place {
    const length = typeof values === "number" ? values : values.length;
    const place = { address: Math.ceil(this.top / 16) * 16 + 4, length };
    this.top = place.address + 4 * length + 64;
    this.places.push(place);
    if (typeof values !== "number") {
      const view = kind === "f32" ? this.floats(place) : new Int32Array(this.memory.buffer, place.address, length);
      view.set(values);
    }
    return place;
  }

  bytes(values: readonly number[]): Place {
    const place = this.words(Math.ceil(values.length / 4));
    new Uint8Array(this.memory.buffer, place.address, values.length).set(values);
    return place;
  }

  /** Pseudo-random numbers in [low, high), the same in every run. */
  noise(length: number, low = -2, high = 2): number[] {
    return Array.from({ length }, () => {
      this.seed = Math.imul(this.seed, 1664525) + 1013904223;
      return Math.fround(low + ((this.seed >>> 8) / 2 ** 24) * (high - low));
    });
  }

  call(kernel: string, ...args: (number | Place)[]): void {
    this.functions[kernel]!(...args.map((arg) => (typeof arg === "number" ? arg : arg.address)));
    this.expectGuards(kernel);
  }

  floats({ address, length }: Place): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  integers({ address, length }: Place): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  /** Differences count relative to the larger of |expected| and `unit`. */
  expectClose(found: Place, expected: readonly number[], tolerance: number, what: string, unit = 1): void {
    const values = this.floats(found);
    const wrong = expected.findIndex((value, i) => {
      const error = Math.abs(values[i]! - value) / Math.max(unit, Math.abs(value));
      return !(values[i] === value || error <= tolerance || (Number.isNaN(value) && Number.isNaN(values[i])));
    });
    if (wrong !== -1) expect.fail(`${what}: element ${wrong} is ${values[wrong]}, not ${expected[wrong]}`);
  }

  /** Words between places still hold the guard. */
  private expectGuards(kernel: string): void {
    const words = new Uint32Array(this.memory.buffer);
    let at = 256;
    for (const { address, length } of [...this.places, { address: this.top, length: 0 }]) {
      for (; at < address / 4; at++) if (words[at] !== GUARD) expect.fail(`${kernel} wrote at ${4 * at}, outside of its tensors`);
      at = address / 4 + length;
    }
  }
}

/** The same tests over each build this engine takes: what is made for wide vectors runs in narrow ones where there are no others. */
export function eachVariant(body: (bench: () => Bench) => void): void {
  describe.each(RUNNABLE)("$name, $vectors bits", (variant) => {
    let bench: Bench | undefined;
    body(() => (bench ??= opened.get(variant)!));
  });
}

const opened = new Map<Variant, Bench>();
for (const variant of RUNNABLE) {
  const memory = new WebAssembly.Memory({ initial: 32 });
  opened.set(variant, new Bench(await instantiateOwn({ variant: variant.name, vectors: variant.vectors }, memory), memory));
}
