/** An encoder–decoder as the two models that transformers.js runs: the encoder once, a decoding call per token. */
import { declareInput, type OnnxBinding } from "@pare/formats";
import { addDims, dim, trace, type Value } from "@pare/tensor-core";
import type { Architecture } from "../../architecture.ts";
import type { ModelConfig } from "../../checkpoint.ts";
import { cacheMissing } from "../../errors.ts";
import { modelScope } from "../../scope.ts";
import { countedPositions, idsInput, maskInput, pastLength } from "./bindings.ts";
import { cacheBindings } from "./caches.ts";
import type { OnnxComputation } from "./graph.ts";
import { ATTENTION_MASK, ENCODER_ATTENTION_MASK, ENCODER_HIDDEN_STATES, INPUT_IDS } from "./names.ts";

/** `encoder_model.onnx`: int64 `input_ids` and `attention_mask` `[batch, sourceSeq]` → f32 `last_hidden_state`. Throws `models/cache-missing`. */
export function encoderComputation(architecture: Architecture, config: ModelConfig): OnnxComputation {
  const [batch, seq] = [dim("batch"), dim("sourceSeq")];
  const { encoder } = architecture;
  if (encoder === undefined) throw cacheMissing({ architecture: config.architecture });
  const graph = trace((tracer) => {
    const rows = (name: string): Value => tracer.input(name, "i32", [batch, seq]);
    const inputs = {
      source: rows("source"),
      sourcePositions: rows("sourcePositions"),
      sourceLengths: tracer.input("sourceLengths", "i32", [batch]),
    };
    return { last_hidden_state: encoder(modelScope(tracer, architecture, config), config, inputs) };
  });
  const inputs = {
    source: idsInput(INPUT_IDS),
    sourcePositions: countedPositions,
    sourceLengths: maskInput(ATTENTION_MASK, (rows) => [rows, seq]),
  };
  return { graph, inputs };
}

/**
 * `decoder_model_merged.onnx`, for the first token and the later ones alike: int64 `input_ids` `[batch, seq]` and
 * `encoder_attention_mask` `[batch, sourceSeq]`, f32 `encoder_hidden_states` and `past_key_values.<layer>.decoder.…` → `logits` and
 * `present.<layer>.decoder.…`. Keys and values of the source are computed in each call. Throws `models/cache-missing`.
 */
export function sourcedDecodeComputation(architecture: Architecture, config: ModelConfig): OnnxComputation {
  const [batch, seq, past, sourceSeq] = [dim("batch"), dim("seq"), dim("past"), dim("sourceSeq")];
  const capacity = addDims(past, seq);
  const { decode, caches, encoder } = architecture;
  if (decode === undefined || caches === undefined || encoder === undefined) throw cacheMissing({ architecture: config.architecture });
  const graph = trace((tracer) => {
    const rows = (name: string): Value => tracer.input(name, "i32", [batch, seq]);
    const row = (name: string): Value => tracer.input(name, "i32", [batch]);
    const inputs = {
      tokens: rows("tokens"),
      // Computed from how much the caches hold, which the first of them says.
      starts: row("starts"),
      lengths: row("lengths"),
      positions: rows("positions"),
      keyPositions: tracer.input("keyPositions", "i32", [batch, capacity]),
      sourceLengths: row("sourceLengths"),
      encoded: tracer.input("encoded", "f32", [batch, sourceSeq, config["hiddenSize"] as number]),
      batch,
      capacity,
    };
    return { logits: decode(modelScope(tracer, architecture, config), config, inputs) };
  });
  const used = new Set(graph.nodes.flatMap((node) => (node.kind === "leaf" && node.leaf.kind === "state" ? [node.leaf.name] : [])));
  const specs = caches(config).filter(({ name }) => used.has(name));
  const bound = cacheBindings(specs, past, "decoder");
  const [first] = specs;
  if (first === undefined) throw cacheMissing({ architecture: config.architecture });
  const starts: OnnxBinding = (builder, leaf) => {
    bound.states[first.name]!(builder, leaf);
    return pastLength(() => builder.dim(past))(builder, leaf);
  };
  const inputs = {
    tokens: idsInput(INPUT_IDS),
    starts,
    lengths: pastLength((builder) => builder.dim(capacity)),
    positions: countedFrom,
    keyPositions: countedPositions,
    sourceLengths: maskInput(ENCODER_ATTENTION_MASK, (rows) => [rows, sourceSeq]),
    encoded: ((builder, { shape }) => declareInput(builder, ENCODER_HIDDEN_STATES, { dtype: "f32", shape })) satisfies OnnxBinding,
  };
  return { graph, inputs, ...bound };

  /** past … past + seq − 1 in every row. */
  function countedFrom(...[builder, leaf]: Parameters<OnnxBinding>): string {
    const places = builder.cast(countedPositions(builder, leaf), "i64");
    return builder.cast(builder.node("Add", [places, builder.dim(past)]), "i32");
  }
}
