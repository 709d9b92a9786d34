/** Every error of sparse-kernels. A stored weight whose parts contradict each other is `tensor-core/storage-invalid`. */
import { defineError, type ErrorFactory } from "@pare/core";

export const maskInvalid: ErrorFactory<{ expected: string; found: string }> = defineError(
  "sparse-kernels/mask-invalid",
  "A mask does not fit the weight it is for, or the sparse layout it is to be stored in.",
  ({ expected, found }) => ({
    message: "the mask cannot be kept in this layout",
    field: "mask",
    expected,
    found,
    next: "Make the mask for this weight and this pattern, or store the weight as `sparse/csr`, which takes any mask.",
  }),
);

interface AnyShape {
  readonly rows: number;
  readonly columns?: number | undefined;
}

export const blockUnsupported: ErrorFactory<{ shape: AnyShape; known: readonly AnyShape[] }> = defineError(
  "sparse-kernels/block-unsupported",
  "A weight was to be stored in blocks of a shape there are no kernels for.",
  ({ shape, known }) => ({
    message: "there are no kernels for blocks of this shape",
    field: "rows, columns",
    expected: known.map(showBlock).join(", "),
    found: showBlock(shape),
    next: "Prune and store the weight in blocks of one of these shapes, or store it as `sparse/csr`.",
  }),
);

function showBlock({ rows, columns = 1 }: AnyShape): string {
  return `${rows}×${columns}`;
}

export const timingsInvalid: ErrorFactory<{ field: string; expected: string; found: string }> = defineError(
  "sparse-kernels/timings-invalid",
  "Saved timings of the measured chooser do not have the form the chooser writes.",
  ({ field, expected, found }) => ({
    message: "these are not timings of the measured chooser",
    field,
    expected,
    found,
    next: "Delete the file that keeps them; they are measured again.",
  }),
);
