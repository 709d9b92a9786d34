/** Layer norm and RMS norm: a workgroup per row; gradients of weights are summed over blocks of rows, then over the blocks. */
import { layerNormGradientOp, layerNormOp, rmsNormGradientOp, rmsNormOp, type Kernel } from "@pare/tensor-core";
import { implement, type Features, type WebgpuEncoder, type WebgpuTensor, type WebgpuTypes } from "../types.ts";
import { reductions } from "../wgsl/reduce.ts";
import { encodeElements } from "./elementwise.ts";
import { encodePass } from "./reduce.ts";

const LANES = 64;
/** Rows that one invocation sums for the gradient of a weight. */
const BLOCK = 32;

/** `statistics(row, lane)`: mean (0 for RMS norm) and inverse root of the row of `p.length` elements that begins there. */
function statistics(centred: boolean, features: Features): string {
  const mean = `var total = 0.0;
  for (var i = lane; i < p.length; i += ${LANES}u) { total += read_x(row + i); }
  let mean = reduce_sum(total, lane) / f32(p.length);`;
  return `${reductions(["sum"], { lanes: LANES, features })}
fn statistics(row: u32, lane: u32) -> vec2<f32> {
  ${centred ? mean : "let mean = 0.0;"}
  var squares = 0.0;
  for (var i = lane; i < p.length; i += ${LANES}u) { let x = read_x(row + i) - mean; squares += x * x; }
  return vec2(mean, 1.0 / sqrt(reduce_sum(squares, lane) / f32(p.length) + p.epsilon));
}`;
}

interface Norm {
  readonly name: string;
  readonly x: WebgpuTensor;
  readonly weight: WebgpuTensor;
  /** Layer norm has one, and takes the mean out. */
  readonly bias?: WebgpuTensor | undefined;
  readonly y: WebgpuTensor;
  readonly epsilon: number;
}

function encodeNorm(encoder: WebgpuEncoder, { name, x, weight, bias, y, epsilon }: Norm): void {
  const length = x.shape.at(-1)!;
  encoder.call({
    kernel: `f32_${name}`,
    reads: { x, weight, bias },
    writes: { y },
    sizes: { length },
    scalars: { epsilon },
    declare: statistics(bias !== undefined, encoder.features),
    body: `let row = group * p.length;
  let found = statistics(row, lane);
  for (var i = lane; i < p.length; i += ${LANES}u) {
    let normal = (read_x(row + i) - found.x) * found.y;
    write_y(row + i, ${bias === undefined ? "normal * read_weight(i)" : "fma(normal, read_weight(i), read_bias(i))"});
  }`,
    lanes: LANES,
    groups: x.size / length,
  });
}

interface NormGradient {
  readonly name: string;
  readonly x: WebgpuTensor;
  readonly weight: WebgpuTensor;
  readonly grad: WebgpuTensor;
  readonly toX: WebgpuTensor;
  readonly toWeight: WebgpuTensor;
  readonly toBias?: WebgpuTensor | undefined;
  readonly epsilon: number;
}

function encodeNormGradient(encoder: WebgpuEncoder, { name, x, weight, grad, toX, toWeight, toBias, epsilon }: NormGradient): void {
  const length = x.shape.at(-1)!;
  const rows = x.size / length;
  const centred = toBias !== undefined;
  const found = encoder.scratch("f32", 2 * rows);
  encoder.call({
    kernel: `f32_${name}_gradient`,
    reads: { x, weight, grad },
    writes: { to_x: toX, found },
    sizes: { length },
    scalars: { epsilon },
    declare: statistics(centred, encoder.features),
    body: `let row = group * p.length;
  let found = statistics(row, lane);
  var total = 0.0;
  var along = 0.0;
  for (var i = lane; i < p.length; i += ${LANES}u) {
    let slope = read_weight(i) * read_grad(row + i);
    total += slope;
    along += slope * (read_x(row + i) - found.x) * found.y;
  }
  let mean_along = reduce_sum(along, lane) / f32(p.length);
  ${centred ? "let mean_slope = reduce_sum(total, lane) / f32(p.length);" : "let mean_slope = 0.0;"}
  for (var i = lane; i < p.length; i += ${LANES}u) {
    let normal = (read_x(row + i) - found.x) * found.y;
    write_to_x(row + i, found.y * (read_weight(i) * read_grad(row + i) - mean_slope - normal * mean_along));
  }
  if (lane == 0u) { write_found(2u * group, found.x); write_found(2u * group + 1u, found.y); }`,
    lanes: LANES,
    groups: rows,
  });
  const blocks = Math.ceil(rows / BLOCK);
  const partOf = (whole: WebgpuTensor): WebgpuTensor => (blocks === 1 ? whole : encoder.scratch("f32", blocks * length));
  const [weightParts, biasParts] = [partOf(toWeight), toBias && partOf(toBias)];
  encodeElements(encoder, blocks * length, {
    kernel: `f32_${name}_gradient_columns`,
    reads: { x, grad, found },
    writes: { weight_parts: weightParts, ...(biasParts && { bias_parts: biasParts }) },
    sizes: { length, rows },
    body: `let column = i % p.length;
  let first = i / p.length * ${BLOCK}u;
  var to_weight = 0.0;
  var to_bias = 0.0;
  for (var row = first; row < min(first + ${BLOCK}u, p.rows); row++) {
    let slope = read_grad(row * p.length + column);
    to_weight += slope * (read_x(row * p.length + column) - read_found(2u * row)) * read_found(2u * row + 1u);
    to_bias += slope;
  }
  write_weight_parts(i, to_weight);
  ${centred ? "write_bias_parts(i, to_bias);" : ""}`,
  });
  if (blocks === 1) return;
  const sum = { outer: 1, size: blocks, inner: length, kind: "sum", scale: 1 } as const;
  encodePass(encoder, { ...sum, x: weightParts, y: toWeight });
  if (toBias !== undefined) encodePass(encoder, { ...sum, x: biasParts!, y: toBias });
}

export const normKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(layerNormOp, (encoder, { x, weight, bias }, { y }, { epsilon }) =>
    encodeNorm(encoder, { name: "layer_norm", x, weight, bias, y, epsilon }),
  ),
  implement(rmsNormOp, (encoder, { x, weight }, { y }, { epsilon }) => encodeNorm(encoder, { name: "rms_norm", x, weight, y, epsilon })),
  implement(layerNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) =>
    encodeNormGradient(encoder, { name: "layer_norm", x, weight, grad, toX: to.x, toWeight: to.weight, toBias: to.bias, epsilon }),
  ),
  implement(rmsNormGradientOp, (encoder, { x, weight, grad }, to, { epsilon }) =>
    encodeNormGradient(encoder, { name: "rms_norm", x, weight, grad, toX: to.x, toWeight: to.weight, epsilon }),
  ),
];
