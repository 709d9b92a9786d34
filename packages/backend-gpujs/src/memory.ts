/**
 * Memory of a buffer: bytes on the host, and over them layers, tensors that lie on the GPU. Programs leave their results in layers;
 * bytes come back when somebody reads them, or needs them under other bounds or as another dtype.
 */
import type { DType } from "@pare/tensor-core";
import { byteSize } from "@pare/tensor-core";
import { fromElements, toElements } from "./elements.ts";
import type { Engine } from "./engine.ts";
import type { Value } from "./library.ts";
import type { AnyShader } from "./types.ts";

/** Bytes `[begin, end)`. */
interface Span {
  readonly begin: number;
  readonly end: number;
}

export interface Place extends Span {
  readonly dtype: DType;
}

interface Layer extends Place {
  readonly value: Value;
  /** Integers beyond 2²⁴ were rounded on the way to the GPU. */
  readonly rounded: boolean;
  /** Bytes that nothing newer has overwritten. */
  valid: readonly Span[];
  /** The host does not have these bytes yet. */
  ahead: boolean;
}

const PART: AnyShader = { name: "f32_part", parameters: { x: "tensor", first: "integer" }, body: "return x[i + first];" };

export class Memory {
  private readonly engine: Engine;
  private readonly host: Uint8Array;
  private layers: Layer[] = [];

  constructor(engine: Engine, bytes: number) {
    this.engine = engine;
    this.host = new Uint8Array(bytes);
  }

  write(data: Uint8Array, offset: number): void {
    this.cover({ begin: offset, end: offset + data.length });
    this.host.set(data, offset);
  }

  read(offset: number, bytes: number): Uint8Array {
    this.settle({ begin: offset, end: offset + bytes });
    return this.host.slice(offset, offset + bytes);
  }

  /** The tensor on the GPU; stays this memory's own. Throws `backend-gpujs/integer-inexact` unless integers may be rounded. */
  load(place: Place, rounded: boolean): Value {
    const { begin, end, dtype } = place;
    const known = this.layers.find((layer) => fits(layer, place) && isWhole(layer) && (rounded || !layer.rounded));
    if (known !== undefined) return known.value;
    this.settle(place);
    const value = this.engine.upload(toElements(dtype, this.host.slice(begin, end), rounded));
    this.layers.push({ begin, end, dtype, value, rounded, valid: [{ begin, end }], ahead: false });
    return value;
  }

  /** Takes over the value: what was here before is gone. */
  store({ begin, end, dtype }: Place, value: Value): void {
    this.cover({ begin, end });
    this.layers.push({ begin, end, dtype, value, rounded: false, valid: [{ begin, end }], ahead: true });
    this.compact();
  }

  dispose(): void {
    for (const { value } of this.layers) this.engine.release(value);
    this.layers = [];
  }

  /** Brings to the host what is ahead of it here. */
  private settle(span: Span): void {
    for (const layer of this.layers) if (layer.ahead && layer.valid.some((part) => overlap(part, span))) this.bring(layer);
    this.dropUseless();
  }

  private bring(layer: Layer): void {
    const { begin, end, dtype, value, valid } = layer;
    const bytes = fromElements(dtype, this.engine.download(value), (end - begin) / byteSize(dtype));
    for (const part of valid) this.host.set(bytes.subarray(part.begin - begin, part.end - begin), part.begin);
    layer.ahead = false;
  }

  /** Bytes that are about to be overwritten count no longer for any layer. */
  private cover(span: Span): void {
    for (const layer of this.layers) {
      if (!layer.valid.some((part) => overlap(part, span))) continue;
      const valid = layer.valid.flatMap((part) => without(part, span));
      const cutsElements = valid.some(({ begin, end }) => (begin - layer.begin) % WIDEST !== 0 || (end - layer.begin) % WIDEST !== 0);
      if (layer.ahead && cutsElements && valid.length > 0) this.bring(layer);
      layer.valid = valid;
    }
    this.dropUseless();
  }

  /** Layers of which nothing is valid, or that were only a copy of the host's bytes and are no longer whole. */
  private dropUseless(): void {
    const useless = (layer: Layer): boolean => layer.valid.length === 0 || (!layer.ahead && !isWhole(layer));
    const gone = this.layers.filter(useless);
    if (gone.length === 0) return;
    for (const { value } of gone) this.engine.release(value);
    this.layers = this.layers.filter((layer) => !useless(layer));
  }

  /** Layers of which little is valid hold on to all of their texture: when they take more than the buffer, their rests are cut out. */
  private compact(): void {
    const partial = this.layers.filter((layer) => !isWhole(layer));
    if (partial.reduce((bytes, { begin, end }) => bytes + end - begin, 0) <= this.host.length) return;
    for (const { begin, dtype, value, valid, rounded } of partial) {
      for (const part of valid) {
        const each = byteSize(dtype);
        const cut = this.engine.run(PART, (part.end - part.begin) / each, [value, (part.begin - begin) / each]);
        this.layers.push({ ...part, dtype, value: cut, rounded, valid: [part], ahead: true });
      }
      this.engine.release(value);
    }
    this.layers = this.layers.filter((layer) => !partial.includes(layer));
  }
}

/** Bytes of the widest element that layers hold. */
const WIDEST = 4;

function fits(layer: Layer, { begin, end, dtype }: Place): boolean {
  return layer.begin === begin && layer.end === end && layer.dtype === dtype;
}

function isWhole({ begin, end, valid }: Layer): boolean {
  return valid.length === 1 && valid[0]!.begin === begin && valid[0]!.end === end;
}

function overlap(a: Span, b: Span): boolean {
  return a.begin < b.end && b.begin < a.end;
}

function without(part: Span, { begin, end }: Span): Span[] {
  return [
    { begin: part.begin, end: Math.min(part.end, begin) },
    { begin: Math.max(part.begin, end), end: part.end },
  ].filter((rest) => rest.begin < rest.end);
}
