/** What the types of the contract promise to the people who use it. */
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import {
  createRegistry,
  defineStage,
  pipeline,
  type AnyPlugin,
  type Artifact,
  type Backend,
  type Context,
  type Registry,
  type Suite,
} from "@pare/core";

interface Checkpoint extends Artifact {
  readonly layers: number;
}
interface Importance extends Artifact {
  readonly heads: number;
}

const score = defineStage({
  id: "prune/head-importance",
  version: 1,
  package: "@pare/prune",
  options: z.object({ examples: z.number().int().default(256) }),
  run: async (state: { model: Checkpoint }, options) => {
    expectTypeOf(options.examples).toEqualTypeOf<number>();
    return { importance: state.model as unknown as Importance };
  },
});
const heads = defineStage({
  id: "prune/heads",
  version: 1,
  package: "@pare/prune",
  options: z.object({ fraction: z.number().min(0).max(1) }),
  needs: ["model", "importance"],
  run: async (state: { model: Checkpoint; importance: Importance }) => ({ model: state.model }),
});
const third = defineStage({
  id: "acme/lowrank",
  version: 1,
  package: "acme-lowrank",
  options: z.object({ rank: z.number() }),
  run: async (state: { model: Checkpoint }, options) => ({ model: state.model, rank: options.rank }),
});
declare const wasm: Backend<"wasm", { memory: WebAssembly.Memory }>;
declare const scan: Suite<"scan/length", { examples?: number }, Checkpoint, { metrics: { accuracy: number } }>;
declare const model: Checkpoint;

test("a pipeline knows what each step adds", () => {
  const run = pipeline<{ model: Checkpoint }>()
    .step(score({}))
    .step(heads({ fraction: 0.3 }))
    .step(third({ rank: 8 })).run;
  expectTypeOf<Awaited<ReturnType<typeof run>>["model"]>().toEqualTypeOf<Checkpoint>();
  expectTypeOf<Awaited<ReturnType<typeof run>>["rank"]>().toEqualTypeOf<number>();
  expectTypeOf(run).parameter(0).toEqualTypeOf<{ model: Checkpoint }>();
  expectTypeOf(model).toExtend<Artifact>();
});

test("a step whose need nobody gave is refused", () => {
  // @ts-expect-error heads needs importance: run the scoring step first
  pipeline<{ model: Checkpoint }>().step(heads({ fraction: 0.3 }));
  const ordered = pipeline<{ model: Checkpoint }>();
  // @ts-expect-error the order matters
  ordered.step(heads({ fraction: 0.3 })).step(score({}));
});

test("options are typed by their schema", () => {
  // @ts-expect-error wrong option type
  void (() => heads({ fraction: "half" }));
  // @ts-expect-error a required option is missing
  void (() => third({}));
});

test("a stage may only need what its state type holds", () => {
  defineStage({
    id: "acme/other",
    version: 1,
    package: "acme",
    options: z.object({}),
    // @ts-expect-error not a name of the state
    needs: ["importance"],
    run: async (state: { model: Checkpoint }) => ({ model: state.model }),
  });
});

test("a registry gives plugins with their own types", () => {
  const registry = createRegistry(score, heads, third, wasm, scan);
  type Device = Awaited<ReturnType<ReturnType<typeof registry.get<"backend", "wasm">>["open"]>>;
  expectTypeOf<Device>().toEqualTypeOf<{ memory: WebAssembly.Memory } | null>();
  expectTypeOf(registry.get("stage", "prune/heads")).toEqualTypeOf(heads);
  // @ts-expect-error unknown id
  void (() => registry.get("stage", "acme/missing"));
  // @ts-expect-error id of another kind
  void (() => registry.get("backend", "scan/length"));
});

test("any registry serves as the context's", () => {
  const registry = createRegistry(score, wasm);
  expectTypeOf(registry).toExtend<Registry<AnyPlugin>>();
  expectTypeOf(registry).toExtend<Context["registry"]>();
});
