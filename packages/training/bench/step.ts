/**
 * One training step (forward, backward, clipping, AdamW) of the quickstart's teacher: encoder–decoder of width 64 with 2 + 2
 * layers, 4 heads and feed-forward 128, 64 examples of 12 source and 32 target tokens, one thread and two; and where its time goes,
 * by family of kernels and by shapes.
 *
 *     pnpm exec node --conditions=@pare/source packages/training/bench/step.ts [rounds] [--smoke]
 */
import { openWasm } from "@pare/backend-wasm";
import { createRegistry } from "@pare/core";
import { builtIn, createModel, encoderDecoder, encoderDecoderConfig } from "@pare/models";
import { adamwHyper, compile, createStore, f32, sizeOf, type Device, type PlannedTensor, type ProgramStep } from "@pare/tensor-core";
import { interleave, numbers, report, sharesOf, smoke, timedByOp } from "../../../tools/bench/harness.ts";
import { batchTensors } from "../src/batches.ts";
import { nextToken } from "../src/objectives/next-token.ts";
import { startStates, stepGraph } from "../src/step-graph.ts";
import { writtenSequence } from "../src/sequence.ts";
import { subjectOf } from "../src/subject.ts";
import { trainAll, type TrainableView } from "../src/view.ts";

const [BATCH, SOURCE, TARGET] = smoke ? [4, 8, 8] : [64, 12, 32];
const rounds = numbers[0] ?? (smoke ? 2 : 61);

const config = encoderDecoderConfig({
  vocabularySize: 24,
  contextLength: 64,
  hiddenSize: 64,
  encoderLayers: 2,
  decoderLayers: 2,
  heads: 4,
  feedForward: 128,
});
const model = createModel(encoderDecoder.define, config, { seed: 1 });
const subject = subjectOf(model, createRegistry(...builtIn));
const views = new Map(
  encoderDecoder.define.weights(config).map((spec) => [spec.name, trainAll(spec, model.weights.get(spec.name)!) as TrainableView]),
);
const graph = stepGraph({ subject, frozen: {}, objective: nextToken(), views, clip: true });
const row = (length: number, shift: number): number[] => Array.from({ length }, (_, i) => 3 + ((i * 7 + shift) % 20));
const { inputs, predictions } = batchTensors(
  subject,
  Array.from({ length: BATCH }, (_, i) => writtenSequence({ tokens: [1, ...row(TARGET - 1, i), 2], source: row(SOURCE, i), start: 1 })),
);

for (const portable of [false, true]) {
  const [device, pair] = [await openWasm({ portable }), await openWasm({ portable, threads: 2 })];
  const times = await interleave({ one: await stepper(device), two: await stepper(pair) }, rounds, 5);
  await pair.close();
  report({ what: `training step, ${device.variant}`, value: times.one.median, fastest: times.one.fastest, unit: "ms" });
  report({ what: `training step, ${device.variant}, 2 threads`, value: times.two.median, fastest: times.two.fastest, unit: "ms" });
  const [byFamily, byShape] = [new Map<string, number>(), new Map<string, number>()];
  await interleave({ a: await stepper(timedByOp(device, byFamily, familyOf)), b: await stepper(timedByOp(device, byShape, labelled)) }, 9);
  console.log(`  ${sharesOf(byFamily, 12)}`);
  console.log(`  ${sharesOf(byShape, 5)}`);
  await device.close();
}

async function stepper(device: Device): Promise<() => Promise<unknown>> {
  const store = createStore(device, { weights: model.weights });
  await startStates(store, views, false);
  const compiled = compile(graph, { store });
  const hyper = adamwHyper({ learningRate: 1e-3, step: 10 });
  const given = { ...inputs, weight: f32([], [1 / predictions]), decayed: hyper, plain: hyper, clip: f32([], [1]) };
  return () => compiled.run(given, { read: [] });
}

/** Products of matrices are `linear` and, in its gradients, `matmul`; a gradient counts to its op. */
function familyOf({ op }: ProgramStep): string {
  return op.name === "linear" || op.name === "matmul" ? "products" : op.name.replace("-gradient", "");
}

/** An op with the shapes it works on. */
function labelled({ op, inputs, outputs }: ProgramStep): string {
  const shape = (tensor: PlannedTensor): string => tensor.shape.join("×");
  const given = Object.values(inputs).filter((tensor) => tensor !== undefined && sizeOf(tensor.shape) > 64) as PlannedTensor[];
  return `${op.name} ${given.map(shape).join(" · ")} → ${Object.values(outputs).map(shape).join(" ")}`;
}
