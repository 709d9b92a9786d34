import { expect, it } from "vitest";
import { add, compile, createStore, f32, mul, openReference, trace } from "../../packages/tensor-core/src/index.ts";
import { interleave, sharesOf, timedByOp, verdict } from "./harness.ts";

it("lets all ways take turns, the first rounds uncounted", async () => {
  const turns: string[] = [];
  const way = (name: string) => async () => void turns.push(name);
  const times = await interleave({ a: way("a"), b: way("b") }, 3, 1);
  expect(turns.join("")).toBe("abababab");
  for (const { median, fastest } of Object.values(times)) expect(median).toBeGreaterThanOrEqual(fastest);
});

it.each([
  [{ value: 5, fastest: 6.1, unit: "×", target: { least: 6 } }, "met"],
  [{ value: 6.1, fastest: 5, unit: "×", target: { least: 6 } }, "missed by 1 ×"],
  [{ value: 1.9, fastest: 1.7, unit: "×", target: { least: 1.8 }, against: "a peer" }, "met"],
  [{ value: 1.25, unit: "×", target: { most: 1.2 } }, "missed by 0.05 ×"],
  [{ value: 0, unit: "bytes", target: { most: 0 } }, "met"],
])("says of %j that it is %s", (figure, words) => {
  expect(verdict({ what: "it", ...figure })).toMatch(new RegExp(`: ${words}$`));
});

it("times each op of a program alone, and runs them all", async () => {
  const spent = new Map<string, number>();
  const device = timedByOp(openReference(), spent);
  const graph = trace((t) => {
    const x = t.input("x", "f32", [2]);
    return { y: mul(add(x, 1), x) };
  });
  const { y } = await compile(graph, { store: createStore(device) }).run({ x: f32([2], [1, 2]) });
  expect([...y!.data]).toEqual([2, 6]);
  expect([...spent.keys()].sort()).toEqual(["add", "mul"]);
  expect(
    sharesOf(
      new Map([
        ["add", 1],
        ["mul", 3],
      ]),
    ),
  ).toBe("mul 75.0 %, add 25.0 %");
});
