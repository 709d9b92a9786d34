/** A checkpoint bound to a device: what suites, stages and applications run. */
import type { Registry } from "@pare/core";
import type { Chooser, CompileOptions, Device, HostTensor, SiteRequests, Store } from "@pare/tensor-core";
import type { Architecture } from "../architecture.ts";
import type { Checkpoint } from "../checkpoint.ts";

/** Rows of token ids, of any lengths; the session pads and masks them. */
export interface SequenceBatch {
  /** Decoder: the whole sequence, begin token first. Encoder: with its marks. Encoder–decoder: the output, begin token first, end token last. */
  readonly tokens: readonly (readonly number[])[];
  /** Encoder–decoder: the input of each row. */
  readonly sources?: readonly (readonly number[])[] | undefined;
  /** By name, for the model's `tokenInputs`: one number per token of each row. */
  readonly extra?: Readonly<Record<string, readonly (readonly number[])[]>> | undefined;
}

/** What a model makes of one row: entry i is about token i + 1, given all before it. */
export interface TokenScores {
  /** Negative log likelihood in nats. Sums in float64 are the caller's. */
  readonly nll: Float32Array;
  /** The most likely token (first of equals). A greedy decode gives the row exactly when all of these equal the row's own tokens. */
  readonly predicted: Int32Array;
}

export interface GenerateRequest {
  /** Decoder: the prompt, begin token first. Encoder–decoder: what the output starts with, usually the begin token alone. */
  readonly prompts: readonly (readonly number[])[];
  /** Encoder–decoder: the input of each row. */
  readonly sources?: readonly (readonly number[])[] | undefined;
  /** New tokens per row at most. */
  readonly maxTokens: number;
  /** 0 or absent: greedy. */
  readonly temperature?: number | undefined;
  /** Sample among the smallest set of tokens whose probability reaches this (nucleus sampling, Holtzman et al. 2020); 1 or absent: all. */
  readonly topP?: number | undefined;
  /** Same seed, same tokens. Default 0. */
  readonly seed?: number | undefined;
  /** Tokens that end a row; they are not given. Default: the tokenizer's end and begin tokens (a begin token starts another text). */
  readonly stop?: readonly number[] | undefined;
  /** false: every step computes the whole sequence again (for checking the cache), as a model without `decode` always does. */
  readonly cache?: boolean | undefined;
  /** Values for gates and replacements of the session's sites. */
  readonly inputs?: Readonly<Record<string, HostTensor>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SessionOptions {
  readonly device: Device;
  /** Finds the checkpoint's architecture; or give the architecture itself. */
  readonly registry?: Pick<Registry, "find"> | undefined;
  readonly architecture?: Architecture | undefined;
  /** Picks how each stored weight runs; default: its first candidate that the device can run. */
  readonly chooser?: Chooser | undefined;
  /** Absent: an op without a kernel throws `tensor-core/kernel-missing`. */
  readonly onFallback?: CompileOptions["onFallback"];
  readonly onChoice?: CompileOptions["onChoice"];
  readonly sites?: SiteRequests | undefined;
}

export interface Session {
  readonly checkpoint: Checkpoint;
  readonly architecture: Architecture;
  readonly device: Device;
  /** The uploaded weights and the States of the session's sites. */
  readonly store: Store;
  /** What the model's head gives, f32 `[rows, longest row, width]` or `[rows, width]`; what stands past a row's own end means nothing. */
  readonly forward: (batch: SequenceBatch, inputs?: Readonly<Record<string, HostTensor>>) => Promise<HostTensor>;
  /** `logits` as `forward` gives them, and what the session's sites tap (padded widths). */
  readonly run: (batch: SequenceBatch, inputs?: Readonly<Record<string, HostTensor>>) => Promise<Readonly<Record<string, HostTensor>>>;
  /** Scores every token after the first of each row, in the order given; batches by itself, and logits never leave the device. */
  readonly score: (batch: SequenceBatch, inputs?: Readonly<Record<string, HostTensor>>) => Promise<readonly TokenScores[]>;
  /** One entry per row and step: the new token, undefined once the row has ended. Ends when all rows have, or at the context length. */
  readonly generate: (request: GenerateRequest) => AsyncIterable<readonly (number | undefined)[]>;
  /** Frees the device memory; the device stays open. */
  readonly dispose: () => Promise<void>;
}
