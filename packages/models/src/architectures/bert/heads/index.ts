export { features } from "./features.ts";
export { maskedToken, type MaskedTokenOptions } from "./masked-token.ts";
export { multipleChoice, type MultipleChoiceOptions } from "./multiple-choice.ts";
export { questionAnswering, type QuestionAnsweringOptions } from "./question-answering.ts";
export { sentenceEmbedding, type SentenceEmbeddingOptions } from "./sentence-embedding.ts";
export { sequenceClassification, type ClassificationKind, type SequenceClassificationOptions } from "./sequence-classification.ts";
export { tokenClassification, type TokenClassificationOptions } from "./token-classification.ts";
