/** A checkpoint's computation as an ONNX export: which graph, and how its inputs and outputs are called. */
import { dim, reshape, slice, trace, type Dim, type Shape, type Value } from "@pare/tensor-core";
import type { OnnxBinding, OnnxExport } from "@pare/formats";
import type { Architecture, Head } from "../../architecture.ts";
import type { ModelConfig } from "../../checkpoint.ts";
import { cacheMissing } from "../../errors.ts";
import { forwardGraph, modelScope } from "../../scope.ts";
import { headOf } from "../../session/head.ts";
import { cacheBindings } from "./caches.ts";
import { countedPositions, endsInput, idsInput, maskInput, pastLength } from "./bindings.ts";
import { ATTENTION_MASK, DECODER_ATTENTION_MASK, DECODER_INPUT_IDS, INPUT_IDS, outputName, POSITION_IDS, tokenInputName } from "./names.ts";

/** What of an {@link OnnxExport} follows from the architecture. */
export type OnnxComputation = Pick<OnnxExport, "graph" | "inputs" | "states" | "updates">;

/**
 * The forward pass.
 *
 * Inputs, int64: `input_ids`, `attention_mask` (1 where a token is) and the architecture's further ones (`token_type_ids`), each
 * `[batch, seq]`; decoders take `position_ids` as well. Encoder–decoders take `input_ids` and `attention_mask` of the source,
 * `decoder_input_ids` and `decoder_attention_mask`. Outputs, f32: `logits`, `last_hidden_state`, `sentence_embedding`, or
 * `start_logits` and `end_logits`, as the head says.
 */
export function forwardComputation(architecture: Architecture, config: ModelConfig): OnnxComputation {
  const head = headOf(architecture, config);
  const last = lastLayer(architecture, config, head);
  const sites = last === undefined ? undefined : { [last]: { tap: "last_hidden_state" } };
  const graph = forwardGraph(architecture, config, (value) => outputsOf(head, value), { sites });
  return { graph, inputs: forwardBindings(architecture, config, head) };
}

/** The site whose value sentence embeddings are pooled from: clients pool it themselves. */
function lastLayer(architecture: Architecture, config: ModelConfig, { task }: Head): string | undefined {
  if (task !== "sentence-embedding") return undefined;
  return architecture.layers(config).at(-1)?.prefixes.at(-1)?.replace(/\.$/, "");
}

function outputsOf(head: Head, value: Value): Readonly<Record<string, Value>> {
  if (head.task !== "question-answering") return { [outputName(head)]: value };
  const [batch, seq] = value.shape as [Dim, Dim];
  const column = (index: number): Value => reshape(slice(value, [0, 0, index], [batch, seq, index + 1]), [batch, seq]);
  return { start_logits: column(0), end_logits: column(1) };
}

function forwardBindings(architecture: Architecture, config: ModelConfig, head: Head): Record<string, OnnxBinding> {
  const rows =
    (keys: string) =>
    (batch: Dim): Shape => [batch, dim(keys)];
  if (architecture.encode !== undefined) {
    return {
      source: idsInput(INPUT_IDS),
      sourceLengths: maskInput(ATTENTION_MASK, rows("sourceSeq")),
      sourcePositions: countedPositions,
      tokens: idsInput(DECODER_INPUT_IDS),
      lengths: maskInput(DECODER_ATTENTION_MASK, rows("seq")),
      positions: countedPositions,
    };
  }
  const extra = (architecture.tokenInputs?.(config) ?? []).map(({ name }) => [name, idsInput(tokenInputName(name))] as const);
  // A head that answers for all of a row may read its last token, which padding on the left leaves at the end.
  const lengthsInput = head.perToken || head.task === "sentence-embedding" ? maskInput : endsInput;
  return {
    tokens: idsInput(INPUT_IDS),
    lengths: lengthsInput(ATTENTION_MASK, rows("seq")),
    positions: head.task === "next-token" && architecture.decode !== undefined ? idsInput(POSITION_IDS) : countedPositions,
    ...Object.fromEntries(extra),
  };
}

/**
 * One decoding call with its cache: what transformers.js generates text by. Inputs, int64: `input_ids` and `position_ids` `[batch, seq]`,
 * `attention_mask` `[batch, past + seq]`; f32: `past_key_values.<layer>.key` and `.value` `[batch, heads, past, headDim]`, empty at first.
 * Outputs: `logits` `[batch, seq, vocabulary]`, and `present.<layer>.…` as the next call takes them.
 *
 * Throws `models/cache-missing` for an architecture that does not decode by a cache of its own, or reads a source.
 */
export function decodeComputation(architecture: Architecture, config: ModelConfig): OnnxComputation {
  const { decode, caches, encode } = architecture;
  if (decode === undefined || caches === undefined || encode !== undefined) throw cacheMissing({ architecture: config.architecture });
  const [batch, seq, past] = [dim("batch"), dim("seq"), dim("past")];
  const capacity = dim("total");
  const graph = trace((tracer) => {
    const rows = (name: string): Value => tracer.input(name, "i32", [batch, seq]);
    const row = (name: string): Value => tracer.input(name, "i32", [batch]);
    const inputs = {
      tokens: rows("tokens"),
      positions: rows("positions"),
      // The mask, which says how many entries there are, before what is computed from that.
      lengths: row("lengths"),
      starts: row("starts"),
      batch,
      capacity,
    };
    return { logits: decode(modelScope(tracer, architecture, config), config, inputs) };
  });
  const specs = caches(config);
  return {
    graph,
    inputs: {
      tokens: idsInput(INPUT_IDS),
      positions: idsInput(POSITION_IDS),
      lengths: maskInput(ATTENTION_MASK, (rows) => [rows, capacity]),
      starts: pastLength((builder) => builder.node("Sub", [builder.dim(capacity), builder.dim(seq)])),
    },
    ...cacheBindings(specs, past),
  };
}
