import type { Array as JaxArray } from "@jax-js/jax";
import { arrayOf, onWasm, openJax, type Jax } from "../peers/jax.ts";
import { ADAM, NORM_EPSILON, type DecoderTask, type MlpTask, type Parameters, type Trainer } from "./task.ts";

type Weights = Record<string, JaxArray>;

export async function jaxDecoder(task: DecoderTask): Promise<Trainer> {
  const jax = await openJax();
  const { batch, tokens, vocabulary, ids } = task;
  const given = arrayOf(jax, ids, [batch, tokens]);
  const hot = await jax.blockUntilReady(jax.nn.oneHot(given.ref, vocabulary));
  return trainer(jax, task.parameters, [given, hot], (p, [rows, wanted]) => decoderLoss(jax, p, { rows: rows!, wanted: wanted! }, task));
}

export async function jaxMlp({ batch, sizes: [given, , out], parameters, x, y }: MlpTask): Promise<Trainer> {
  const jax = await openJax();
  const { numpy: np, nn } = jax;
  return trainer(jax, parameters, [arrayOf(jax, x, [batch, given]), arrayOf(jax, y, [batch, out])], (p, [inputs, targets]) => {
    const hidden = nn.relu(np.matmul(inputs!, np.transpose(p["up"]!)).add(p["up bias"]!));
    const error = np.matmul(hidden, np.transpose(p["down"]!)).add(p["down bias"]!).sub(targets!);
    return np.mean(np.square(error));
  });
}

/** Loss, gradients and Adam in one jitted function over donated-by-ownership arrays. */
function trainer(jax: Jax, parameters: Parameters, data: JaxArray[], lossOf: (p: Weights, data: JaxArray[]) => JaxArray): Trainer {
  const { jit, numpy: np, valueAndGrad, blockUntilReady } = jax;
  const names = Object.keys(parameters);
  const both = valueAndGrad(lossOf as never) as unknown as (p: Weights, data: JaxArray[]) => [JaxArray, Weights];
  const step = jit(((p: Weights, m: Weights, v: Weights, corrections: JaxArray, given: JaxArray[]) => {
    const held = Object.fromEntries(names.map((name) => [name, p[name]!.ref]));
    const [loss, slopes] = both(held, given);
    const [first, second] = [corrections.ref.slice(0), corrections.slice(1)];
    const next: [Weights, Weights, Weights] = [{}, {}, {}];
    for (const name of names) {
      const g = slopes[name]!;
      const mean = m[name]!.mul(ADAM.beta1).add(g.ref.mul(1 - ADAM.beta1));
      const square = v[name]!.mul(ADAM.beta2).add(np.square(g).mul(1 - ADAM.beta2));
      const change = mean.ref.mul(first.ref).div(np.sqrt(square.ref.mul(second.ref)).add(ADAM.epsilon));
      next[0][name] = p[name]!.sub(change.mul(ADAM.learningRate));
      next[1][name] = mean;
      next[2][name] = square;
    }
    first.dispose();
    second.dispose();
    return [loss, ...next];
  }) as never) as unknown as (...args: unknown[]) => [JaxArray, Weights, Weights, Weights];
  let p: Weights = Object.fromEntries(names.map((name) => [name, arrayOf(jax, parameters[name]!.initial, parameters[name]!.shape)]));
  let m: Weights = Object.fromEntries(names.map((name) => [name, np.zeros([...parameters[name]!.shape])]));
  let v: Weights = Object.fromEntries(names.map((name) => [name, np.zeros([...parameters[name]!.shape])]));
  let loss = Number.NaN;
  let done = 0;
  return {
    step: async () => {
      done++;
      const corrections = np.array([1 / (1 - ADAM.beta1 ** done), 1 / (1 - ADAM.beta2 ** done)]);
      const result = step(
        p,
        m,
        v,
        corrections,
        data.map((array) => array.ref),
      );
      await blockUntilReady(result);
      const [value] = result;
      [, p, m, v] = result;
      loss = (await onWasm(value).data())[0] as number;
    },
    loss: async () => loss,
  };
}

interface Given {
  /** i32 `[batch, tokens]` */
  readonly rows: JaxArray;
  /** One-hot `[batch, tokens, vocabulary]` */
  readonly wanted: JaxArray;
}

function decoderLoss(
  { numpy: np, nn }: Jax,
  p: Weights,
  { rows, wanted }: Given,
  { blocks, batch, tokens, width, heads }: DecoderTask,
): JaxArray {
  const linear = (x: JaxArray, weight: JaxArray): JaxArray => np.matmul(x, np.transpose(weight));
  // A product with one-hot rows instead costs 100 ms: its gradient computes the whole chain of its operand again for every element.
  let x = np.take(p["embedding"]!, rows, 0);
  for (let block = 0; block < blocks; block++) {
    const of = (name: string): JaxArray => p[`${block} ${name}`]!;
    const normed = (value: JaxArray, norm: string): JaxArray =>
      nn
        .standardize(value, -1, { epsilon: NORM_EPSILON })
        .mul(of(`${norm} weight`))
        .add(of(`${norm} bias`));
    const split = (value: JaxArray): JaxArray => value.reshape([batch, tokens, heads, width / heads]);
    const h = normed(x.ref, "norm1");
    const mixed = nn.dotProductAttention(
      split(linear(h.ref, of("query"))),
      split(linear(h.ref, of("key"))),
      split(linear(h, of("value"))),
      {
        isCausal: true,
      },
    );
    x = x.add(linear(mixed.reshape([batch, tokens, width]), of("output")));
    const inner = nn.gelu(linear(normed(x.ref, "norm2"), of("up")), { approximate: true });
    x = x.add(linear(inner, of("down")));
  }
  const chances = nn.logSoftmax(linear(x, p["head"]!), -1);
  return np.sum(chances.mul(wanted)).mul(-1 / (batch * tokens));
}
