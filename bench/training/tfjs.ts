import type { Scalar, Tensor, Variable } from "@tensorflow/tfjs";
import { openTfjs, type Tf } from "../peers/tfjs.ts";
import { ADAM, NORM_EPSILON, type DecoderTask, type Parameters, type Trainer } from "./task.ts";

type Weights = Readonly<Record<string, Tensor>>;

/** Weights are kept `[in, out]`, since its product with a transposed operand is slow; its own Adam. */
export async function tfjsDecoder(task: DecoderTask): Promise<Trainer> {
  const tf = await openTfjs();
  const variables = variablesOf(tf, task.parameters);
  const optimizer = tf.train.adam(ADAM.learningRate, ADAM.beta1, ADAM.beta2, ADAM.epsilon);
  const { tokens, vocabulary, ids } = task;
  // A gather has no gradient on this backend; a product with one-hot rows has.
  const hot = tf.oneHot(tf.tensor1d(ids, "int32"), vocabulary).cast("float32") as Tensor;
  const mask = tf.tidy(() =>
    tf.linalg
      .bandPart(tf.ones([tokens, tokens]), -1, 0)
      .sub(1)
      .mul(1e9)
      .reshape([1, 1, tokens, tokens]),
  );
  let loss: Scalar | undefined;
  return {
    step: async () => {
      loss?.dispose();
      loss = optimizer.minimize(() => decoderLoss(tf, variables, { hot, mask }, task), true, Object.values(variables))!;
    },
    loss: async () => loss!.dataSync()[0]!,
  };

  function variablesOf({ variable, tensor, tidy, transpose }: Tf, parameters: Parameters): Record<string, Variable> {
    return Object.fromEntries(
      Object.entries(parameters).map(([name, { shape, initial }]) => {
        const turned = shape.length === 2 && name !== "embedding";
        const value = tidy(() => (turned ? transpose(tensor(initial, [...shape])) : tensor(initial, [...shape])));
        return [name, variable(value)];
      }),
    );
  }

  function decoderLoss(
    tf: Tf,
    p: Weights,
    { hot, mask }: { readonly hot: Tensor; readonly mask: Tensor },
    { blocks, batch: rows, tokens: length, width, heads }: DecoderTask,
  ): Scalar {
    let x = tf.matMul(hot, p["embedding"]!);
    for (let block = 0; block < blocks; block++) {
      const of = (name: string): Tensor => p[`${block} ${name}`]!;
      const normed = (value: Tensor, norm: string): Tensor => {
        const { mean, variance } = tf.moments(value, -1, true);
        return value
          .sub(mean)
          .mul(variance.add(NORM_EPSILON).rsqrt())
          .mul(of(`${norm} weight`))
          .add(of(`${norm} bias`));
      };
      const split = (value: Tensor): Tensor => value.reshape([rows, length, heads, width / heads]).transpose([0, 2, 1, 3]);
      const h = normed(x, "norm1");
      const [query, key, value] = ["query", "key", "value"].map((name) => split(tf.matMul(h, of(name)))) as [Tensor, Tensor, Tensor];
      const scores = tf.softmax(
        tf
          .matMul(query, key, false, true)
          .mul((width / heads) ** -0.5)
          .add(mask),
      );
      const mixed = tf
        .matMul(scores, value)
        .transpose([0, 2, 1, 3])
        .reshape([rows * length, width]);
      x = x.add(tf.matMul(mixed, of("output")));
      const up = tf.matMul(normed(x, "norm2"), of("up"));
      const inner = up.mul(0.5).mul(
        up
          .add(up.mul(up).mul(up).mul(0.044715))
          .mul(Math.sqrt(2 / Math.PI))
          .tanh()
          .add(1),
      );
      x = x.add(tf.matMul(inner, of("down")));
    }
    const chances = tf.logSoftmax(tf.matMul(x, p["head"]!));
    return chances
      .mul(hot)
      .sum()
      .mul(-1 / (rows * length)) as Scalar;
  }
}
