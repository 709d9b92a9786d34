/**
 * Training steps with Adam, one thread, ours and the peers' taking turns over the same model, data and maths, which equal losses show:
 * a decoder of two blocks (width 128, 64 tokens, batch 8) and a perceptron 512-2048-512 (batch 256). And where our time goes.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import type { Device } from "@pare/tensor-core";
import { compare, interleave, sharesOf, smoke, timedByOp } from "../../tools/bench/harness.ts";
import { apart } from "../peers/apart.ts";
import { JAX } from "../peers/jax.ts";
import { PARE } from "../peers/pare.ts";
import { TFJS } from "../peers/tfjs.ts";
import { jaxDecoder, jaxMlp } from "../training/jax.ts";
import { pareDecoder, pareMlp } from "../training/pare.ts";
import { decoderFlops, decoderTask, expectSameLosses, mlpFlops, mlpTask, type Trainer } from "../training/task.ts";
import { tfjsDecoder } from "../training/tfjs.ts";

/** Steps whose losses have to agree, and how closely: f32 sums in other orders, step after step. */
const [STEPS, TOLERANCE] = [5, 1e-3];

joinVectors();
const device = await openWasm();
const decoder = decoderTask(
  smoke
    ? { blocks: 1, width: 32, heads: 4, batch: 2, tokens: 16, vocabulary: 64 }
    : { blocks: 2, width: 128, heads: 4, batch: 8, tokens: 64, vocabulary: 256 },
);
await race(
  `training step, decoder of ${decoder.blocks} blocks, width ${decoder.width}, ${decoder.batch} × ${decoder.tokens} tokens, Adam`,
  decoderFlops(decoder),
  {
    [PARE]: pareDecoder(device, decoder),
    [JAX]: await apart("training/jax.ts", jaxDecoder, decoder),
    [TFJS]: await apart("training/tfjs.ts", tfjsDecoder, decoder),
  },
  [
    { against: [JAX], least: 3 },
    { against: [TFJS], least: 20 },
  ],
);
await shares(pareDecoder);

const mlp = mlpTask(smoke ? 16 : 256, smoke ? [32, 64, 32] : [512, 2048, 512]);
await race(
  `training step, perceptron ${mlp.sizes.join("-")}, batch ${mlp.batch}, Adam`,
  mlpFlops(mlp),
  { [PARE]: pareMlp(device, mlp), [JAX]: await apart("training/jax.ts", jaxMlp, mlp) },
  [{ against: [JAX], least: 2 }],
);

async function race(
  what: string,
  flops: number,
  trainers: Readonly<Record<string, Trainer>>,
  targets: readonly { readonly against: readonly string[]; readonly least: number }[],
): Promise<void> {
  await expectSameLosses(trainers, STEPS, TOLERANCE);
  const steps = Object.fromEntries(Object.entries(trainers).map(([name, { step }]) => [name, step]));
  const times = await interleave(steps, smoke ? 2 : 21, smoke ? 1 : 6);
  console.log(`${(flops / 1e9).toFixed(2)} GFLOP of products: ${PARE} ${(flops / 1e6 / times[PARE]!.median).toFixed(1)} GFLOP/s`);
  compare({ what, times, ours: PARE, targets: smoke ? [] : targets });
}

async function shares(make: (on: Device, task: typeof decoder) => Trainer): Promise<void> {
  const spent = new Map<string, number>();
  const alone = make(timedByOp(device, spent), decoder);
  await alone.step();
  spent.clear();
  for (let i = 0; i < 5; i++) await alone.step();
  console.log(`  by op: ${sharesOf(spent, 14)}`);
}
