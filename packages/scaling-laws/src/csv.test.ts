import { expect, test } from "vitest";
import { readObservations, type CsvOptions } from "./csv.ts";

const text = `model,Model Size,Training FLOP,tokens,loss
a,1e6,6e15,1e9,4.5
a,2e6,2.4e16,2e9,4.25
b,3e6,"5.4e16",3e9,4.0

b,4e6,9.6e16,4e9,6
`;
const columns: CsvOptions = { file: "runs.csv", params: "Model Size", tokens: "tokens", loss: "loss" };

function failure(csv: string, options: Partial<CsvOptions> = {}): unknown {
  try {
    return readObservations(csv, { ...columns, ...options });
  } catch (error) {
    return error;
  }
}

test("reads the named columns", () => {
  expect(readObservations(text, columns).slice(1, 3)).toEqual([
    { params: 2e6, tokens: 2e9, loss: 4.25 },
    { params: 3e6, tokens: 3e9, loss: 4 },
  ]);
});

test("FLOPs become tokens, D = C/(6N)", () => {
  const fromFlops = readObservations(text, { ...columns, tokens: undefined, flops: "Training FLOP" });
  expect(fromFlops.map(({ tokens }) => tokens)).toEqual([1e9, 2e9, 3e9, 4e9]);
});

test("selects lines, then drops those of the highest losses and keeps the order", () => {
  expect(readObservations(text, { ...columns, where: { model: "b" } }).map(({ loss }) => loss)).toEqual([4, 6]);
  expect(readObservations(text, { ...columns, where: { tokens: "1000000000" } }).map(({ loss }) => loss)).toEqual([4.5]);
  expect(readObservations(text, { ...columns, dropHighest: 2 }).map(({ loss }) => loss)).toEqual([4.25, 4]);
});

test("an unknown column names the file and near columns", () => {
  expect(failure(text, { loss: "los" })).toMatchObject({
    code: "scaling-laws/column-unknown",
    report: { file: "runs.csv", field: "los", near: ["loss"] },
  });
  expect(failure(text, { where: { modle: "a" } })).toMatchObject({ report: { field: "modle", near: ["model"] } });
});

test.each([["-2"], ["0"], ["four"], [""], ["NaN"], ["Infinity"]])("a loss of %j names line and column", (cell) => {
  expect(failure(text.replace("4.0", cell))).toMatchObject({
    code: "scaling-laws/not-positive",
    message: expect.stringContaining("line 4"),
    report: { file: "runs.csv", field: "loss", found: JSON.stringify(cell) },
  });
});

test("a line outside the selection may hold anything", () => {
  expect(readObservations(text.replace("4.5", "missing"), { ...columns, where: { model: "b" } })).toHaveLength(2);
});

test("a line with another number of fields, and an open quote, are named", () => {
  expect(failure(text.replace("2e9,4.25", "4.25"))).toMatchObject({
    code: "scaling-laws/csv-invalid",
    message: expect.stringContaining("line 3"),
  });
  expect(failure(`${text}"open,1`)).toMatchObject({ code: "scaling-laws/csv-invalid" });
  expect(failure("")).toMatchObject({ code: "scaling-laws/csv-invalid" });
});

test("tokens and FLOPs exclude each other", () => {
  expect(failure(text, { flops: "Training FLOP" })).toMatchObject({ code: "scaling-laws/columns-ambiguous" });
  expect(failure(text, { tokens: undefined })).toMatchObject({ code: "scaling-laws/columns-ambiguous", report: { found: "neither" } });
});

test("dropping everything is refused", () => {
  expect(failure(text, { dropHighest: 4 })).toMatchObject({ code: "scaling-laws/observations-too-few" });
});
