import {
  argmaxOp,
  maxOp,
  meanOp,
  reductionPasses,
  sizeOf,
  sumOp,
  sumSquaresOp,
  type Kernel,
  type ReduceAttrs,
  type ReductionPass,
} from "@pare/tensor-core";
import { implement, type WebgpuEncoder, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { reductions } from "../wgsl/reduce.ts";
import { encodeElements } from "./elementwise.ts";

const LANES = 64;
/** Elements that one workgroup, or one invocation of a sum over columns, adds up at most before a second pass. */
const LONG_ROW = 8192;
const LONG_COLUMN = 128;
/** From this many results on there is work for every core without cutting. */
const ENOUGH = 2048;

export const reduceKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(sumOp, (encoder, { x }, { y }, { axes }) => encodeReduction(encoder, { x, y, axes, kind: "sum" })),
  implement(meanOp, (encoder, { x }, { y }, { axes }) =>
    encodeReduction(encoder, { x, y, axes, kind: "sum", scale: 1 / sizeOf(axes.map((axis) => x.shape[axis]!)) }),
  ),
  implement(maxOp, (encoder, { x }, { y }, { axes }) => encodeReduction(encoder, { x, y, axes, kind: "max" })),
  implement(sumSquaresOp, (encoder, { x }, { y }) =>
    encodePass(encoder, { x, y, outer: 1, size: x.size, inner: 1, kind: "sum", scale: 1, squared: true }),
  ),
  implement(argmaxOp, (encoder, { x }, { y }) => encodeArgmax(encoder, x, y)),
];

interface Reduction {
  readonly x: WebgpuTensor;
  readonly y: WebgpuTensor;
  readonly axes: ReduceAttrs["axes"];
  readonly kind: "sum" | "max";
  /** Factor of the result. */
  readonly scale?: number | undefined;
}

function encodeReduction(encoder: WebgpuEncoder, { x, y, axes, kind, scale = 1 }: Reduction): void {
  const passes = reductionPasses(x.shape, axes);
  let from = x;
  passes.forEach((pass, index) => {
    const last = index === passes.length - 1;
    const to = last ? y : encoder.scratch("f32", pass.outer * pass.inner);
    encodePass(encoder, { ...pass, x: from, y: to, kind, scale: last ? scale : 1 });
    from = to;
  });
}

export interface Pass extends ReductionPass {
  readonly x: WebgpuTensor;
  readonly y: WebgpuTensor;
  readonly kind: "sum" | "max";
  readonly scale: number;
  /** Of squares. */
  readonly squared?: boolean | undefined;
}

/** Long sums with few results are cut: the parts first, then their sum. */
export function encodePass(encoder: WebgpuEncoder, pass: Pass): void {
  const { outer, size, inner, kind } = pass;
  const part = inner === 1 ? LONG_ROW : LONG_COLUMN;
  const parts = outer * inner < ENOUGH ? Math.ceil(size / part) : 1;
  if (parts <= 1) {
    encodeWhole(encoder, pass, size, 1);
    return;
  }
  const between = encoder.scratch("f32", outer * parts * inner);
  encodeWhole(encoder, { ...pass, y: between, scale: 1 }, part, parts);
  encodePass(encoder, { x: between, y: pass.y, outer, size: parts, inner, kind, scale: pass.scale });
}

function encodeWhole(encoder: WebgpuEncoder, { x, y, outer, size, inner, kind, scale, squared }: Pass, part: number, parts: number): void {
  const take = squared === true ? "let found = read_x(at); let value = found * found;" : "let value = read_x(at);";
  const combine = kind === "sum" ? "result += value;" : "result = select(result, value, value > result || value != value);";
  const start = kind === "sum" ? "0.0" : "read_x(row * p.size * p.inner + first * p.inner + column)";
  const name = `${kind}${squared === true ? "_squares" : ""}`;
  const sizes = { size, inner, part, parts };
  if (inner > 1) {
    encodeElements(encoder, outer * parts * inner, {
      kernel: `f32_${name}_columns`,
      reads: { x },
      writes: { y },
      sizes,
      scalars: { scale },
      body: `let column = i % p.inner;
  let first = (i / p.inner) % p.parts * p.part;
  let row = i / p.inner / p.parts;
  var result = ${start};
  for (var j = first; j < min(first + p.part, p.size); j++) {
    let at = (row * p.size + j) * p.inner + column;
    ${take} ${combine}
  }
  write_y(i, result * p.scale);`,
    });
    return;
  }
  encoder.call({
    kernel: `f32_${name}_rows`,
    reads: { x },
    writes: { y },
    sizes,
    scalars: { scale },
    declare: reductions([kind], { lanes: LANES, features: encoder.features }),
    body: `let row = group / p.parts;
  let column = 0u;
  let first = group % p.parts * p.part;
  var result = ${start};
  for (var j = first + lane; j < min(first + p.part, p.size); j += ${LANES}u) {
    let at = row * p.size + j;
    ${take} ${combine}
  }
  let whole = reduce_${kind}(result, lane);
  if (lane == 0u) { write_y(group, whole * p.scale); }`,
    lanes: LANES,
    groups: outer * parts,
  });
}

/** The first of equals: by value, then by the smaller index. */
function encodeArgmax(encoder: WebgpuEncoder, x: WebgpuTensor, y: WebgpuTensor): void {
  encoder.call({
    kernel: "f32_argmax",
    reads: { x },
    writes: { y },
    sizes: { length: x.shape.at(-1)! },
    declare: `var<workgroup> values: array<f32, ${LANES}>;\nvar<workgroup> indices: array<u32, ${LANES}>;`,
    body: `let row = group * p.length;
  var index = min(lane, p.length - 1u);
  var value = read_x(row + index);
  for (var j = lane + ${LANES}u; j < p.length; j += ${LANES}u) {
    let other = read_x(row + j);
    if (other > value) { value = other; index = j; }
  }
  values[lane] = value;
  indices[lane] = index;
  workgroupBarrier();
  for (var step = ${LANES / 2}u; step > 0u; step >>= 1u) {
    if (lane < step) {
      let other = values[lane + step];
      if (other > values[lane] || (other == values[lane] && indices[lane + step] < indices[lane])) {
        values[lane] = other;
        indices[lane] = indices[lane + step];
      }
    }
    workgroupBarrier();
  }
  if (lane == 0u) { write_y(group, i32(indices[0])); }`,
    lanes: LANES,
    groups: y.size,
  });
}
