/** Shapes past one block of every kernel that works in blocks; conformance cases are smaller. */
import {
  attentionBiasGradientOp,
  attentionGradientOp,
  attentionOp,
  f32,
  i32,
  linearAffineOp,
  linearOp,
  matmulOp,
  sizeOf,
  uniform,
  type AnyOp,
  type Device,
  type HostTensor,
} from "@pare/tensor-core";
import { checkCase } from "@pare/tensor-core/testing";
import { afterAll, describe, it } from "vitest";
import { openWasm } from "../src/index.ts";

const noise = (shape: readonly number[], stream: number): HostTensor =>
  f32(
    shape,
    uniform(7, stream, sizeOf(shape)).map((x) => 2 * x - 1),
  );

const attention = {
  query: noise([2, 70, 5, 20], 1),
  key: noise([2, 90, 3, 20], 2),
  value: noise([2, 90, 3, 20], 3),
  lengths: i32([2], [90, 61]),
  starts: i32([2], [20, 3]),
};
const attentionAttrs = { scale: 0.22, causal: true, keyValueHeads: [2, 0, 0, 1, 2] };
const biased = { ...attention, bias: noise([1, 5, 70, 90], 9) };
const biasedBack = { ...biased, grad: noise([2, 70, 5, 20], 8), ...attentionOp.reference(biased, attentionAttrs) };
const affine = { bits: 4, features: 1601, groupSize: 40, activation: "gelu" };
const codes = {
  codes: { dtype: "u8", shape: [150, 801], data: Uint8Array.from({ length: 150 * 801 }, (_, i) => (i * 7919) % 256) } as HostTensor,
  scales: f32(
    [150, 41],
    uniform(7, 9, 150 * 41).map((x) => x / 10),
  ),
  zeroPoints: { dtype: "u8", shape: [150, 41], data: Uint8Array.from({ length: 150 * 41 }, (_, i) => (i * 31) % 16) } as HostTensor,
};

interface Large {
  readonly op: AnyOp;
  readonly what: string;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly tolerance: number;
}

const LARGE: readonly Large[] = [
  {
    op: linearOp,
    what: "fewer rows than outputs",
    inputs: { x: noise([70, 1601], 4), weight: noise([190, 1601], 5), bias: noise([190], 6), residual: noise([70, 190], 7) },
    attrs: { activation: "silu" },
    tolerance: 2e-4,
  },
  {
    op: linearOp,
    what: "more rows than one panel block",
    inputs: { x: noise([300, 801], 4), weight: noise([37, 801], 5) },
    attrs: { activation: "none" },
    tolerance: 1e-4,
  },
  ...[false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({
      op: matmulOp,
      what: `a${transposeA ? "ᵀ" : ""}·b${transposeB ? "ᵀ" : ""}`,
      inputs: { a: noise(transposeA ? [801, 101] : [101, 801], 4), b: noise(transposeB ? [530, 801] : [801, 530], 5) },
      attrs: { transposeA, transposeB },
      tolerance: 1e-4,
    })),
  ),
  { op: attentionOp, what: "blocks of queries", inputs: attention, attrs: attentionAttrs, tolerance: 1e-5 },
  {
    op: attentionGradientOp,
    what: "blocks of queries",
    inputs: { ...attention, grad: noise([2, 70, 5, 20], 8), ...attentionOp.reference(attention, attentionAttrs) },
    attrs: attentionAttrs,
    tolerance: 3e-5,
  },
  { op: attentionOp, what: "blocks of queries with a bias", inputs: biased, attrs: attentionAttrs, tolerance: 1e-5 },
  { op: attentionGradientOp, what: "blocks of queries with a bias", inputs: biasedBack, attrs: attentionAttrs, tolerance: 3e-5 },
  { op: attentionBiasGradientOp, what: "blocks of queries", inputs: biasedBack, attrs: attentionAttrs, tolerance: 3e-5 },
  { op: linearAffineOp, what: "one row", inputs: { x: noise([1, 1601], 4), ...codes }, attrs: affine, tolerance: 1e-4 },
  { op: linearAffineOp, what: "many rows", inputs: { x: noise([260, 1601], 4), ...codes }, attrs: affine, tolerance: 1e-4 },
];

describe.each([true, false])("portable: %s", (portable) => {
  const device: Promise<Device> = openWasm({ portable });
  afterAll(async () => (await device).close());

  it.each(LARGE)("$op.name, $what", async ({ op, what, inputs, attrs, tolerance }) => {
    await checkCase(await device, op, { name: what, inputs, attrs, tolerance, why: "sums of up to 1601 products in f32" });
  });
});
