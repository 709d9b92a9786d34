import { expect, test } from "vitest";
import { eachVariant, LENGTHS } from "./harness.ts";

const SOME = LENGTHS.slice(1);

eachVariant((bench) => {
  test("sums and maxima along and across, every tail", () => {
    for (const length of SOME) {
      for (const inner of [1, 2, 3, 4, 5, 7, 8, 16, 21]) {
        bench().clear();
        const values = bench().noise(3 * length * inner);
        const [x, y] = [bench().words(values), bench().words(3 * inner)];
        const columns = Array.from({ length: 3 * inner }, (_, i) =>
          Array.from({ length }, (_, j) => values[Math.floor(i / inner) * length * inner + j * inner + (i % inner)]!),
        );
        bench().call("f32_sum", x, y, 3, length, inner, 4 * inner, 0.5);
        bench().expectClose(
          y,
          columns.map((column) => 0.5 * sum(column)),
          3e-6,
          `sum ${length}×${inner}`,
        );
        bench().call("f32_max", x, y, 3, length, inner, 4 * inner, 1);
        bench().expectClose(
          y,
          columns.map((column) => Math.max(...column)),
          0,
          `max ${length}×${inner}`,
        );
      }
    }
  });

  test("sum of squares and the first of the largest", () => {
    for (const length of [...SOME, 1023, 1024, 1031]) {
      bench().clear();
      const values = bench()
        .noise(length)
        .map((value) => Math.round(value * 4) / 4);
      const [x, y] = [bench().words(values), bench().words(1)];
      bench().call("f32_sum_squares", x, y, length);
      bench().expectClose(y, [sum(values.map((value) => value * value))], 2e-6, `${length}`);
      bench().call("f32_argmax", x, y, 1, length);
      expect(bench().integers(y)[0]).toBe(values.indexOf(Math.max(...values)));
    }
  });

  test("softmax, its logarithm and cross-entropy with its gradient", () => {
    for (const length of SOME) {
      bench().clear();
      const rows = [bench().noise(length, -9, 9), bench().noise(length, -90, 90), bench().noise(length)];
      const [x, y] = [bench().words(rows.flat()), bench().words(3 * length)];
      const logSums = rows.map((row) => Math.max(...row) + Math.log(sum(row.map((value) => Math.exp(value - Math.max(...row))))));
      const softmax = rows.map((row, r) => row.map((value) => Math.exp(value - logSums[r]!)));
      bench().call("f32_softmax", x, y, 3, length);
      bench().expectClose(y, softmax.flat(), 2e-6, `softmax of ${length}`);
      bench().call("f32_log_softmax", x, y, 3, length);
      bench().expectClose(
        y,
        rows.flatMap((row, r) => row.map((value) => value - logSums[r]!)),
        2e-6,
        `log of ${length}`,
      );
      const targets = [0, -1, length - 1];
      const [t, nll, kept] = [bench().words(targets, "i32"), bench().words(3), bench().words(3)];
      bench().call("f32_cross_entropy", x, t, nll, kept, 3, length);
      bench().expectClose(kept, logSums, 2e-6, `logSumExp of ${length}`);
      bench().expectClose(
        nll,
        rows.map((row, r) => (targets[r]! < 0 ? 0 : logSums[r]! - row[targets[r]!]!)),
        5e-6,
        `nll of ${length}`,
      );
      const grads = [2, 3, -1];
      bench().call("f32_cross_entropy_gradient", bench().words(grads), x, t, kept, y, 3, length);
      const expected = softmax.flatMap((row, r) => row.map((p, i) => (targets[r]! < 0 ? 0 : grads[r]! * (p - (targets[r] === i ? 1 : 0)))));
      bench().expectClose(y, expected, 2e-5, `gradient of ${length}`);
    }
  });

  test("norms, every tail", () => {
    for (const length of SOME) {
      bench().clear();
      const rows = [bench().noise(length), bench().noise(length, 3, 5)];
      const [scale, shift] = [bench().noise(length), bench().noise(length)];
      const [x, weight, bias, y] = [bench().words(rows.flat()), bench().words(scale), bench().words(shift), bench().words(2 * length)];
      bench().call("f32_rms_norm", x, weight, y, 2, length, 1e-3);
      const rms = (row: number[]): number => 1 / Math.sqrt(sum(row.map((value) => value * value)) / length + 1e-3);
      bench().expectClose(
        y,
        rows.flatMap((row) => row.map((value, i) => value * rms(row) * scale[i]!)),
        3e-6,
        `rms of ${length}`,
      );
      bench().call("f32_layer_norm", x, weight, bias, y, 2, length, 1e-3);
      const centred = rows.map((row) => row.map((value) => value - sum(row) / length));
      const expected = centred.flatMap((row) => row.map((value, i) => value * rms(row) * scale[i]! + shift[i]!));
      bench().expectClose(y, expected, 2e-5, `layer norm of ${length}`);
    }
  });

  test("rows looked up and added up; ids outside the table read and write nothing of others", () => {
    for (const length of SOME) {
      bench().clear();
      const values = bench().noise(3 * length);
      const ids = [2, 0, 2, -1, 3];
      const [table, at, y] = [bench().words(values), bench().words(ids, "i32"), bench().words(5 * length)];
      bench().call("f32_rows", table, at, y, 5, 3, length);
      const picked = ids.flatMap((id) => Array.from({ length }, (_, i) => (id in [0, 1, 2] ? values[id * length + i]! : NaN)));
      bench().expectClose(y, picked, 0, `rows of ${length}`);
      const grads = bench().noise(5 * length);
      bench().call("f32_scatter_rows", bench().words(grads), at, table, 5, 0, 3, length);
      const [first, second, third] = [0, 1, 2].map((position) => grads.slice(position * length, (position + 1) * length)) as [
        number[],
        number[],
        number[],
      ];
      bench().expectClose(
        table,
        [...second, ...second.map(() => 0), ...first.map((value, i) => value + third[i]!)],
        1e-6,
        `added ${length}`,
      );
    }
  });

  test("movement of words", () => {
    for (const rows of SOME.slice(0, 9)) {
      for (const columns of SOME.slice(0, 9)) {
        bench().clear();
        const values = bench().noise(2 * rows * columns);
        const [x, y] = [bench().words(values), bench().words(2 * rows * columns)];
        bench().call("u32_turn", x, y, 1, 0, 0, 2, 4 * rows * columns, 4 * rows * columns, rows, columns, 4 * columns, 4 * rows);
        const turned = values.map((_, i) => {
          const [matrix, at] = [Math.floor(i / (rows * columns)), i % (rows * columns)];
          return values[matrix * rows * columns + (at % rows) * columns + Math.floor(at / rows)]!;
        });
        bench().expectClose(y, turned, 0, `turned ${rows}×${columns}`);
        bench().call("u8_copy", x, y, 1, 0, 0, 1, 0, 0, 2 * rows, 4 * columns, 4 * columns, 4 * columns);
        bench().expectClose(y, values, 0, `copied ${rows}×${columns}`);
        bench().call("u32_repeat", x, y, 1, 0, 0, 2, 4, 4 * rows * columns, rows, 0, 4 * columns, columns);
        bench().expectClose(
          y,
          values.map((_, i) => values[Math.floor(i / (rows * columns))]!),
          0,
          `repeated ${rows}×${columns}`,
        );
      }
    }
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
