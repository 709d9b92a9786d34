/**
 * A forward pass of the decoder that `pare create llama-12x768` makes (12 layers, width 768, feed-forward 3,072, vocabulary
 * 32,000, tied), 128 tokens, batch 1, one thread: as it is, and with its linear weights pruned 4×1 at 90 % by the stage
 * `prune/magnitude`, stored sparse and run as timings choose. The same logits of all 128 positions are computed and read on
 * both sides; the embedding is not pruned, so that the product with it costs both the same. Both take turns, round after round.
 *
 *     pnpm exec node --conditions=@pare/source packages/cli/bench/forward.ts [rounds] [--smoke]
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { createRegistry, type Context } from "@pare/core";
import { builtIn, createModel, llama, openSession, type Checkpoint, type Session } from "@pare/models";
import { magnitude } from "@pare/prune";
import { blockStorage, csrStorage, measuredChooser } from "@pare/sparse-kernels";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import type { Chooser, Device } from "@pare/tensor-core";
import { digits, interleave, numbers, report, sharesOf, smoke, timedByOp } from "../../../tools/bench/harness.ts";
import { shapedConfig } from "../src/shapes.ts";

const TOKENS = 128;
const rounds = numbers[0] ?? (smoke ? 2 : 15);
const changes = smoke ? { layers: 2, hiddenSize: 128, heads: 4, feedForward: 256, vocabularySize: 1000 } : {};
const tokens = [Array.from({ length: TOKENS }, (_, i) => (i * 7919) % (changes.vocabularySize ?? 32_000))];

const registry = createRegistry(...builtIn, blockStorage, csrStorage);
// As the command does.
joinVectors();
const device = await openWasm({ packs: [sparseWasmPack] });
const context: Context = { seed: 0, signal: new AbortController().signal, registry, device, emit: () => {} };
const dense = createModel(llama.define, shapedConfig("llama-12x768", changes), { seed: 1 });
const { model: pruned } = await magnitude({ sparsity: 0.9, pattern: "4x1", storage: "sparse" }).run({ model: dense }, context);
const chooser = measuredChooser({ device });

await compare();
await profile("dense", dense);
await profile("pruned", pruned);
await device.close();

async function compare(): Promise<void> {
  const chosen = new Map<string, number>();
  const before = openSession(dense, { device, registry, chooser });
  const after = openSession(pruned, {
    device,
    registry,
    chooser,
    onChoice: ({ chosen: name, why }) => chosen.set(`${name}: ${why}`, (chosen.get(`${name}: ${why}`) ?? 0) + 1),
  });
  await checkLogits(after);
  const times = await interleave({ dense: () => before.forward({ tokens }), pruned: () => after.forward({ tokens }) }, rounds);
  console.log(`${TOKENS} tokens, ${device.backend} ${device.variant}, ${rounds} rounds`);
  for (const [why, weights] of chosen) console.log(`  ${weights} × ${why}`);
  for (const [name, { median, fastest }] of Object.entries(times)) report({ what: `${name} forward`, value: median, fastest, unit: "ms" });
  report({
    what: "pruned 4×1 at 90 % against dense, end to end",
    value: times.dense.median / times.pruned.median,
    fastest: times.dense.fastest / times.pruned.fastest,
    unit: "×",
    target: { least: 2.5 },
  });
  await before.dispose();
  await after.dispose();
}

/** What ran sparse must give what its weights, made dense, give. */
async function checkLogits(session: Session): Promise<void> {
  const densified: Chooser = () => Promise.resolve({ candidate: undefined, why: "to check" });
  const other = openSession(pruned, { device, registry, chooser: densified });
  const [{ data: found }, { data: expected }] = [await session.forward({ tokens }), await other.forward({ tokens })];
  await other.dispose();
  let [largest, difference] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(Number(expected[i])));
    difference = Math.max(difference, Math.abs(Number(expected[i]) - Number(found[i])));
  }
  if (!(difference < 1e-4 * largest)) throw new Error(`sparse logits differ by ${difference} of ${largest}`);
  console.log(`largest difference of a logit to the densified weights: ${digits(difference)} of ${digits(largest)}`);
}

/** Where the time goes, each op timed alone; "logits" is the product with the embedding. */
async function profile(name: string, model: Checkpoint): Promise<void> {
  const spent = new Map<string, number>();
  const timed: Device = timedByOp(device, spent, ({ op, outputs }) =>
    op.name === "linear" && outputs["y"]!.shape.at(-1) === model.config.vocabularySize ? "logits" : op.name,
  );
  const session = openSession(model, { device: timed, registry, chooser });
  await session.forward({ tokens });
  spent.clear();
  for (let round = 0; round < Math.min(rounds, 3); round++) await session.forward({ tokens });
  console.log(`${name}: ${sharesOf(spent)}`);
  await session.dispose();
}
