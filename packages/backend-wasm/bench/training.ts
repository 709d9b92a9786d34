/**
 * One training step (forward, backward, AdamW) of a small decoder, per kernel variant on one thread and, in turn with it, on
 * two, and where the time of one goes by op.
 *
 *     node --conditions=@pare/source packages/backend-wasm/bench/training.ts [rounds] [width] [batch] [tokens] [blocks] [--smoke]
 */
import {
  adamw,
  adamwHyper,
  adamwStates,
  add,
  attention,
  compile,
  createStore,
  crossEntropy,
  f32,
  gelu,
  gradients,
  i32,
  layerNorm,
  linear,
  mean,
  reshape,
  rows,
  sizeOf,
  trace,
  uniform,
  type Device,
  type Graph,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import { interleave, numbers, report, sharesOf, smoke, timedByOp } from "../../../tools/bench/harness.ts";
import { openWasm } from "../src/index.ts";
import { VARIANTS } from "../src/variants.ts";

const [rounds = smoke ? 2 : 41, width = smoke ? 32 : 128, batch = 8, tokens = 64, blocks = 2] = numbers;
const HEADS = 4;
const VOCABULARY = 256;

const parameters: Record<string, readonly number[]> = { embedding: [VOCABULARY, width], head: [VOCABULARY, width] };
for (let block = 0; block < blocks; block++) {
  for (const norm of ["before attention", "before feed-forward"]) {
    parameters[`${block} ${norm} weight`] = [width];
    parameters[`${block} ${norm} bias`] = [width];
  }
  for (const name of ["query", "key", "value", "output"]) parameters[`${block} ${name}`] = [width, width];
  parameters[`${block} up`] = [4 * width, width];
  parameters[`${block} down`] = [width, 4 * width];
}

const graph: Graph = trace((tracer) => {
  const states = Object.fromEntries(Object.entries(parameters).map(([name, shape]) => [name, tracer.state(name, "f32", shape)]));
  const loss = lossOf(tracer, states);
  const names = Object.keys(states);
  const found = gradients(loss, Object.values(states));
  const byName = Object.fromEntries(names.map((name, i) => [name, found[i]!]));
  const hyper = tracer.input("hyper", "f32", [8]);
  adamw({ tracer, parameters: states, gradients: byName, hyper: () => hyper });
  return { loss };
});

const weights = Object.entries(parameters)
  .filter(([, shape]) => shape.length === 2)
  .reduce((total, [name, shape]) => total + (name === "embedding" ? 0 : sizeOf(shape)), 0);
const flops = 6 * batch * tokens * (weights + 2 * blocks * tokens * width);
console.log(`${blocks} blocks of ${width}, ${batch}×${tokens} tokens: ${(flops / 1e9).toFixed(2)} GFLOP a step`);

for (const { portable } of VARIANTS) {
  const device = await openWasm({ portable });
  const two = await openWasm({ portable, threads: 2 });
  const { step, shared } = await interleave({ step: stepper(device), shared: stepper(two) }, rounds);
  await two.close();
  report({ what: `step, ${device.variant}`, value: step.median, fastest: step.fastest, unit: "ms" });
  report({ what: `rate, ${device.variant}`, value: flops / step.median / 1e6, fastest: flops / step.fastest / 1e6, unit: "GFLOP/s" });
  report({
    what: `speed of two threads, ${device.variant}`,
    value: step.median / shared.median,
    fastest: step.fastest / shared.fastest,
    unit: "of one",
  });
  const spent = new Map<string, number>();
  await interleave({ step: stepper(timedByOp(device, spent)) }, 5, 0);
  console.log(sharesOf(spent, 12));
}

function stepper(device: Device): () => Promise<unknown> {
  const store = createStore(device);
  Object.entries(parameters).forEach(([name, shape], stream) => {
    const values = uniform(1, stream, sizeOf(shape)).map((value) => (shape.length === 1 ? 1 : (value - 0.5) * 0.2));
    store.setState(name, f32(shape, values));
    for (const state of Object.values(adamwStates(name))) store.createState(state, "f32", shape);
  });
  const compiled = compile(graph, { store });
  const ids = i32(
    [batch, tokens],
    Array.from({ length: batch * tokens }, (_, i) => (i * 7) % VOCABULARY),
  );
  const inputs = { ids, targets: { ...ids, shape: [batch * tokens] }, hyper: adamwHyper({ learningRate: 1e-3, step: 10 }) };
  return () => compiled.run(inputs);
}

function lossOf(tracer: Tracer, p: Readonly<Record<string, Value>>): Value {
  let x = rows(p["embedding"]!, tracer.input("ids", "i32", [batch, tokens]));
  for (let block = 0; block < blocks; block++) {
    const of = (name: string): Value => p[`${block} ${name}`]!;
    const split = (value: Value): Value => reshape(value, [batch, tokens, HEADS, width / HEADS]);
    const h = layerNorm(x, of("before attention weight"), of("before attention bias"), 1e-5);
    const [query, key, value] = ["query", "key", "value"].map((name) => split(linear(h, of(name)))) as [Value, Value, Value];
    const heads = Array.from({ length: HEADS }, (_, head) => head);
    const mixed = attention(query, key, value, { scale: (width / HEADS) ** -0.5, causal: true, keyValueHeads: heads });
    x = add(x, linear(reshape(mixed, [batch, tokens, width]), of("output")));
    const g = layerNorm(x, of("before feed-forward weight"), of("before feed-forward bias"), 1e-5);
    x = add(x, linear(gelu(linear(g, of("up"))), of("down")));
  }
  const logits = linear(reshape(x, [batch * tokens, width]), p["head"]!);
  return mean(crossEntropy(logits, tracer.input("targets", "i32", [batch * tokens])));
}
