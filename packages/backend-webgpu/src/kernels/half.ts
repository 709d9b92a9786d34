/** Weights kept as 16-bit floats, widened where they are read. */
import { linearHalfOp, rowsHalfOp, type HalfAttrs, type Kernel } from "@pare/tensor-core";
import { implement, type WebgpuTypes } from "../types.ts";
import { encodeElements } from "./elementwise.ts";
import { dense, encodeProduct } from "./product.ts";

/** `weight_at(row, column)` over the bytes of `halves`. */
function weightAt({ format }: HalfAttrs): string {
  const widened = format === "f16" ? "unpack2x16float(bits).x" : "bitcast<f32>(bits << 16u)";
  return `fn weight_at(row: u32, column: u32) -> f32 {
  let at = 2u * (row * p.features + column);
  let bits = read_halves(at) | (read_halves(at + 1u) << 8u);
  return ${widened};
}`;
}

export const halfKernels: readonly Kernel<WebgpuTypes>[] = [
  implement(linearHalfOp, (encoder, { x, halves, bias, residual }, { y }, { activation, ...attrs }) => {
    encodeProduct(encoder, {
      name: `f32_linear_${attrs.format}`,
      batch: 1,
      m: x.size / attrs.features,
      n: halves.shape[0]!,
      k: attrs.features,
      left: dense("left", x, [attrs.features, 1, 0]),
      right: {
        reads: { halves },
        sizes: { features: attrs.features },
        declare: `${weightAt(attrs)}\nfn right_at(row: u32, k: u32, batch: u32) -> f32 { return weight_at(row, k); }`,
        alongK: true,
      },
      c: y,
      epilogue: { bias, residual, activation },
    });
  }),
  implement(rowsHalfOp, (encoder, { ids, halves }, { y }, attrs) => {
    encodeElements(encoder, y.size, {
      kernel: `${attrs.format}_rows`,
      reads: { halves, ids },
      writes: { y },
      sizes: { features: attrs.features },
      declare: weightAt(attrs),
      body: "write_y(i, weight_at(word_ids(i / p.features), i % p.features));",
    });
  }),
];
