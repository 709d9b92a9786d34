/**
 * What the measured chooser makes of pruned weights: an encoder (3 layers, width 384, 128 tokens, one thread) pruned by 0 to 99 %, in blocks
 * of 4×1 and without a pattern, beside the same encoder dense. Where sparse is not faster the chooser has to take dense, so that a pruned
 * model is never slower.
 */
import { joinVectors, openWasm } from "@pare/backend-wasm";
import { createRegistry, type Context } from "@pare/core";
import { builtIn } from "@pare/models";
import { magnitude } from "@pare/prune";
import { blockStorage, csrStorage, measuredChooser } from "@pare/sparse-kernels";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import { compile, createStore } from "@pare/tensor-core";
import { digits, interleave, report, smoke } from "../../tools/bench/harness.ts";
import { encoderOf, pareEncoder } from "../peers/encoder.ts";

const shape = smoke
  ? { layers: 1, width: 64, heads: 4, tokens: 16, vocabularySize: 100 }
  : { layers: 3, width: 384, heads: 12, tokens: 128, vocabularySize: 1000 };
const SPARSITIES = smoke ? [0, 0.9] : [0, 0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99];
const LEAST = 0.97;

const encoder = encoderOf(shape);
joinVectors();
const device = await openWasm({ packs: [sparseWasmPack] });
const registry = createRegistry(...builtIn, blockStorage, csrStorage);
const context: Context = { seed: 0, signal: new AbortController().signal, registry, device, emit: () => {} };
const chooser = measuredChooser({ device });
const dense = pareEncoder(device, encoder, encoder.model);
let worst = Infinity;
for (const pattern of ["4x1", "unstructured"] as const) {
  for (const sparsity of SPARSITIES) {
    const { model } = await magnitude({ sparsity, pattern, storage: "sparse" }).run({ model: encoder.model }, context);
    let [sparse, all] = [0, 0];
    const store = createStore(device, { weights: model.weights });
    const compiled = compile(encoder.graph, {
      store,
      chooser,
      onChoice: ({ chosen }) => {
        all++;
        if (chosen.startsWith("sparse") || chosen.startsWith("linear-")) sparse++;
      },
    });
    const pruned = (): Promise<unknown> => compiled.run(encoder.inputs);
    await pruned();
    const times = await interleave({ dense: dense.run, pruned }, smoke ? 2 : 41, smoke ? 1 : 8);
    const value = times.dense.median / times.pruned.median;
    worst = Math.min(worst, value);
    const fastest = times.dense.fastest / times.pruned.fastest;
    report({
      what: `${pattern}, ${digits(100 * sparsity)} % pruned, ${sparse} of ${all} weights sparse, to dense`,
      value,
      fastest,
      unit: "×",
    });
    compiled.dispose();
    await store.dispose();
  }
}
report({ what: "pruned to dense, the slowest of all", value: worst, unit: "×", target: { least: LEAST } });
