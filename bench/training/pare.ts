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
  geluTanh,
  gradients,
  i32,
  layerNorm,
  linear,
  mean,
  mul,
  relu,
  reshape,
  rows,
  sub,
  trace,
  type Device,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import { ADAM, NORM_EPSILON, type DecoderTask, type MlpTask, type Parameters, type Trainer } from "./task.ts";

type Weights = Readonly<Record<string, Value>>;

export function pareDecoder(device: Device, task: DecoderTask): Trainer {
  const { batch, tokens, ids, parameters } = task;
  return trainer(device, parameters, { ids: i32([batch, tokens], ids), targets: i32([batch * tokens], ids) }, (tracer, p) =>
    decoderLoss(tracer, p, task),
  );
}

export function pareMlp(device: Device, { batch, sizes: [given, , out], parameters, x, y }: MlpTask): Trainer {
  const data = { x: f32([batch, given], x), y: f32([batch, out], y) };
  return trainer(device, parameters, data, (tracer, p) => {
    const hidden = relu(linear(tracer.state("x", "f32", [batch, given]), p["up"]!, p["up bias"]!));
    const error = sub(linear(hidden, p["down"]!, p["down bias"]!), tracer.state("y", "f32", [batch, out]));
    return mean(mul(error, error));
  });
}

/** Data are State, as the parameters and their moments: a step is given nothing but its learning rate. */
function trainer(
  device: Device,
  parameters: Parameters,
  data: Readonly<Record<string, ReturnType<typeof f32>>>,
  lossOf: (tracer: Tracer, parameters: Weights) => Value,
): Trainer {
  const store = createStore(device);
  for (const [name, tensor] of Object.entries(data)) store.setState(name, tensor);
  for (const [name, { shape, initial }] of Object.entries(parameters)) {
    store.setState(name, f32(shape, initial));
    for (const state of Object.values(adamwStates(name))) store.createState(state, "f32", shape);
  }
  const graph = trace((tracer) => {
    const states = Object.fromEntries(Object.entries(parameters).map(([name, { shape }]) => [name, tracer.state(name, "f32", shape)]));
    const loss = lossOf(tracer, states);
    const slopes = gradients(loss, Object.values(states));
    const hyper = tracer.input("hyper", "f32", [8]);
    adamw({
      tracer,
      parameters: states,
      gradients: Object.fromEntries(Object.keys(states).map((name, i) => [name, slopes[i]!])),
      hyper: () => hyper,
    });
    return { loss };
  });
  const compiled = compile(graph, { store });
  let done = 0;
  let loss = Number.NaN;
  return {
    step: async () => {
      const outputs = await compiled.run({ hyper: adamwHyper({ ...ADAM, step: done++ }) });
      loss = outputs["loss"]!.data[0] as number;
    },
    loss: async () => loss,
  };
}

function decoderLoss(tracer: Tracer, p: Weights, { blocks, batch, tokens, width, heads }: DecoderTask): Value {
  let x = rows(p["embedding"]!, tracer.state("ids", "i32", [batch, tokens]));
  for (let block = 0; block < blocks; block++) {
    const of = (name: string): Value => p[`${block} ${name}`]!;
    const normed = (value: Value, norm: string): Value => layerNorm(value, of(`${norm} weight`), of(`${norm} bias`), NORM_EPSILON);
    const split = (value: Value): Value => reshape(value, [batch, tokens, heads, width / heads]);
    const h = normed(x, "norm1");
    const [query, key, value] = ["query", "key", "value"].map((name) => split(linear(h, of(name)))) as [Value, Value, Value];
    const keyValueHeads = Array.from({ length: heads }, (_, head) => head);
    const mixed = attention(query, key, value, { scale: (width / heads) ** -0.5, causal: true, keyValueHeads });
    x = add(x, linear(reshape(mixed, [batch, tokens, width]), of("output")));
    x = add(x, linear(geluTanh(linear(normed(x, "norm2"), of("up"))), of("down")));
  }
  const logits = linear(reshape(x, [batch * tokens, width]), p["head"]!);
  return mean(crossEntropy(logits, tracer.state("targets", "i32", [batch * tokens])));
}
