export type { Checkpoint, Deed, ModelConfig, Provenance, SeenData } from "./checkpoint.ts";
export type { SpecialTokens, Tokenizer } from "./tokenizer.ts";
export type { Framed } from "./frame.ts";
export type { Located } from "./locate.ts";
export type {
  Architecture,
  BesideConfig,
  CacheSpec,
  DecodeInputs,
  EncodeInputs,
  ForwardInputs,
  Head,
  HeadChange,
  EmbeddingWeights,
  HeadGroup,
  HeadWanted,
  HiddenWidth,
  HuggingFace,
  Initial,
  LayerStack,
  MemorySpec,
  ModelScope,
  NeuronGroup,
  Permutation,
  RawConfig,
  SegmentMemory,
  TensorName,
  TokenInput,
  WeightSpec,
} from "./architecture.ts";
export { beginToken, sourceIds } from "./begin.ts";
export { exampleHash } from "./example-hash.ts";
export { FRESH, countSeen, mergeSeen, seenData, withDeed } from "./provenance.ts";
export {
  bucketWidth,
  contextOf,
  declareInputs,
  extraOf,
  forwardGraph,
  modelScope,
  padRows,
  type ExtraRows,
  type ForwardGraphOptions,
  type PadOptions,
  type WeightView,
} from "./scope.ts";
export type { GenerateRequest, SequenceBatch, Session, SessionOptions, TokenScores } from "./session/types.ts";
export { createCheckpoint, withConfig, withSeen, withWeights, type CheckpointContent } from "./create-checkpoint.ts";
export { createModel, freshSource, type CreateModelOptions } from "./create-model.ts";
export { defineArchitecture, type ArchitecturePlugin } from "./define-architecture.ts";
export type { Imported } from "./imported.ts";
export { loadCheckpoint, verifyCheckpoint, type ModelPlugins } from "./folder/load.ts";
export {
  defineExporter,
  type ExportChange,
  type ExportRequest,
  type ExportResult,
  type Exporter,
  type ExporterDefinition,
  type ExporterPlugin,
} from "./export/exporter.ts";
export { huggingFaceExporter } from "./export/huggingface.ts";
export { compressedTensorsExporter } from "./export/compressed-tensors.ts";
export { ggufExporter } from "./export/gguf.ts";
export { pareExporter } from "./export/pare.ts";
export { onnxExporter } from "./export/onnx/onnx.ts";
export { transformersJsExporter } from "./export/onnx/transformers-js.ts";
export { changesOf, onnxPacks, writeOnnxModel, type OnnxModelOptions } from "./export/onnx/write.ts";
export { decodeComputation, forwardComputation, type OnnxComputation } from "./export/onnx/graph.ts";
export { activationRanges, type CalibrationRow, type RangeOptions } from "./export/onnx/ranges.ts";
export { saveCheckpoint, saveProvenance } from "./folder/save.ts";
export { huggingFaceConfig, huggingFaceTensors, saveHuggingFace, type HuggingFaceSaved } from "./huggingface/save.ts";
export { withHead, type WithHeadOptions } from "./with-head.ts";
export { cutTexts } from "./cut-texts.ts";
export { headOf, needHead } from "./session/head.ts";
export {
  adjacentPairs,
  float as ggufFloat,
  ggufWeight,
  isGgufOf,
  text as ggufText,
  u32 as ggufU32,
  type GgufLayout,
  type GgufSlot,
} from "./gguf/mapping.ts";
export { checkWeights } from "./folder/weights.ts";
export { checkpointArtifact } from "./artifact.ts";
export { keepPieces, type KeptPieces } from "./keep-pieces.ts";
export { tokenizerFromJson } from "./tokenizer-json.ts";
export { attentionMap, type AttentionMapOptions } from "./architectures/attention-map.ts";
export type { BlockConfig, TransformerConfig, TransformerLayer, TransformerShape } from "./architectures/config.ts";
export type { DecoderConfig } from "./architectures/decoder.ts";
export type { RopeScaling } from "./architectures/rope-scaling.ts";
export type { ActivationName, Projection } from "./architectures/style.ts";
export { gpt2, gpt2Config, type Gpt2Config, type Gpt2Shape } from "./architectures/gpt2.ts";
export { llama, llamaConfig, type LlamaConfig, type LlamaShape } from "./architectures/llama.ts";
export type { DecoderLayer } from "./architectures/sequence-to-sequence.ts";
export {
  encoderDecoder,
  encoderDecoderConfig,
  type EncoderDecoderConfig,
  type EncoderDecoderShape,
} from "./architectures/encoder-decoder.ts";
export { bert, bertHeads, bertWith } from "./architectures/bert/bert.ts";
export { bertConfig, type BertConfig, type BertShape, type EncoderActivation } from "./architectures/bert/config.ts";
export type {
  EncoderHead,
  EncoderVariant,
  HeadedConfig,
  HeadFolder,
  HeadOptions,
  HeadScope,
  HeadVariant,
} from "./architectures/bert/head.ts";
export type {
  ClassificationKind,
  MaskedTokenOptions,
  MultipleChoiceOptions,
  QuestionAnsweringOptions,
  SentenceEmbeddingOptions,
  SequenceClassificationOptions,
  TokenClassificationOptions,
} from "./architectures/bert/heads/index.ts";
export { t5, t5Config, type T5Config, type T5Shape } from "./architectures/t5.ts";
export { xlnet } from "./architectures/xlnet/xlnet.ts";
export { xlnetConfig, type XlnetConfig, type XlnetShape } from "./architectures/xlnet/config.ts";
export type { PermutedTokenOptions } from "./architectures/xlnet/heads.ts";
export { openSession } from "./session/session.ts";
export { openSegments, type SegmentOptions, type Segments } from "./session/segments.ts";
export { wordPieceTokenizer, type WordPieceOptions } from "./word-piece-tokenizer.ts";
export { wordTokenizer } from "./word-tokenizer.ts";
export { TextStream } from "./text-stream.ts";
export { generateText, load, type LoadOptions, type LoadedModel, type TextOptions } from "./load.ts";
export { answer, type Answer, type AnswerOptions } from "./apps/answer.ts";
export { choose, type Choice } from "./apps/choose.ts";
export { classify, type Classification } from "./apps/classify.ts";
export { embed } from "./apps/embed.ts";
export { fillMask, type FillOptions, type Filling } from "./apps/fill-mask.ts";
export { runRows, type AppOptions, type EncodedRow, type RowOutput, type TextInput } from "./apps/rows.ts";
export { tag, type Tagged } from "./apps/tag.ts";
export { builtIn } from "./plugins.ts";
