/** Ops that only move elements: each element of the result is fetched from where it comes. */
import {
  broadcastOp,
  broadcastStrides,
  collapse,
  concatOp,
  type Kernel,
  padOp,
  stridesOf,
  sizeOf,
  sliceOp,
  transposeOp,
} from "@pare/tensor-core";
import { implement, type WebgpuEncoder, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";
import { walk } from "./strides.ts";

export const copyKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(broadcastOp, (encoder, { x }, { y }) => encodeWalk(encoder, { x, y, strides: broadcastStrides(x.shape, y.shape), start: 0 })),
  implement(transposeOp, (encoder, { x }, { y }, { axes }) => {
    const strides = stridesOf(x.shape);
    encodeWalk(encoder, { x, y, strides: axes.map((axis) => strides[axis]!), start: 0 });
  }),
  implement(sliceOp, (encoder, { x }, { y }, { starts }) => {
    const strides = stridesOf(x.shape);
    const start = strides.reduce((at, stride, axis) => at + stride * Number(starts[axis]), 0);
    encodeWalk(encoder, { x, y, strides, start });
  }),
  implement(padOp, (encoder, { x }, { y }, { before }) => encodePad(encoder, x, y, before.map(Number))),
  implement(concatOp, (encoder, { a, b }, { y }, { axis }) => {
    const [left, right] = [a, b].map(({ shape }) => sizeOf(shape.slice(axis))) as [number, number];
    encodeMoves(encoder, y, {
      op: "concat",
      reads: { a, b },
      sizes: { left, right },
      declare: `fn moved(i: u32) -> u32 {
  let row = i / (p.left + p.right);
  let at = i % (p.left + p.right);
  if (at < p.left) { return ${bits(a)}_a(row * p.left + at); }
  return ${bits(b)}_b(row * p.right + at - p.left);
}`,
    });
  }),
];

interface Walk {
  readonly x: WebgpuTensor;
  readonly y: WebgpuTensor;
  /** Of x, along the axes of y. */
  readonly strides: readonly number[];
  readonly start: number;
}

function encodeWalk(encoder: WebgpuEncoder, { x, y, strides, start }: Walk): void {
  const { declare, sizes } = walk(collapse(y.shape, [strides]), ["x"]);
  const moved = `fn moved(i: u32) -> u32 { return ${bits(x)}_x(p.start + at_x(i)); }`;
  encodeMoves(encoder, y, { op: "copy", reads: { x }, sizes: { ...sizes, start }, declare: `${declare}\n${moved}` });
}

function encodePad(encoder: WebgpuEncoder, x: WebgpuTensor, y: WebgpuTensor, before: readonly number[]): void {
  const strides = stridesOf(x.shape);
  const sizes: Record<string, number> = {};
  const lines: string[] = [];
  for (let axis = y.shape.length - 1; axis >= 0; axis--) {
    Object.assign(sizes, {
      [`whole_${axis}`]: y.shape[axis]!,
      [`inner_${axis}`]: x.shape[axis]!,
      [`before_${axis}`]: before[axis]!,
      [`step_${axis}`]: strides[axis]!,
    });
    // Before the first element the difference wraps and is large too.
    lines.push(`index = rest % p.whole_${axis} - p.before_${axis}; rest /= p.whole_${axis};
  if (index >= p.inner_${axis}) { return 0u; }
  at += index * p.step_${axis};`);
  }
  const declare = `fn moved(i: u32) -> u32 {
  var rest = i; var at = 0u; var index = 0u;
  ${lines.join("\n  ")}
  return ${bits(x)}_x(at);
}`;
  encodeMoves(encoder, y, { op: "pad", reads: { x }, sizes, declare });
}

/** How an element is read as bits: words of 4-byte numbers as they are, so that no NaN changes on the way. */
function bits({ dtype }: WebgpuTensor): string {
  return dtype === "u8" ? "read" : "word";
}

interface Moves {
  readonly op: string;
  readonly reads: Readonly<Record<string, WebgpuTensor>>;
  readonly sizes: Readonly<Record<string, number>>;
  /** Declares `moved(i)`, the bits of element i of y. */
  readonly declare: string;
}

function encodeMoves(encoder: WebgpuEncoder, y: WebgpuTensor, { op, reads, sizes, declare }: Moves): void {
  if (y.dtype !== "u8") {
    encodeElements(encoder, y.size, { kernel: `u32_${op}`, reads, writes: { y }, sizes, declare, body: "write_word_y(i, moved(i));" });
    return;
  }
  // An invocation owns a word of y, and keeps the bytes of the last one that are not y's.
  encodeElements(encoder, Math.ceil(y.size / 4), {
    kernel: `u8_${op}`,
    reads,
    writes: { y },
    sizes: { ...sizes, bytes: y.size },
    declare,
    body: `var word = word_y(i);
  for (var part = 0u; part < 4u; part++) {
    if (4u * i + part < p.bytes) { word = insertBits(word, moved(4u * i + part), 8u * part, 8u); }
  }
  write_word_y(i, word);`,
  });
}
