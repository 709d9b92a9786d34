/** For applications: a model from its files, ready to use. */
import { createRegistry, type FileSet } from "@pare/core";
import { answer, type Answer, type AnswerOptions } from "./apps/answer.ts";
import { choose, type Choice } from "./apps/choose.ts";
import { classify, type Classification } from "./apps/classify.ts";
import { embed } from "./apps/embed.ts";
import { fillMask, type FillOptions, type Filling } from "./apps/fill-mask.ts";
import type { AppOptions, TextInput } from "./apps/rows.ts";
import { tag, type Tagged } from "./apps/tag.ts";
import { beginToken, sourceIds } from "./begin.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { tokenizerMissing } from "./errors.ts";
import { loadCheckpoint, type ModelPlugins } from "./folder/load.ts";
import { builtIn } from "./plugins.ts";
import { needHead } from "./session/head.ts";
import { openSession } from "./session/session.ts";
import type { GenerateRequest, Session, SessionOptions } from "./session/types.ts";
import { TextStream } from "./text-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface LoadOptions extends Pick<SessionOptions, "device" | "chooser" | "onFallback" | "onChoice"> {
  /** Further architectures, storages and formats; default: those of this package. */
  readonly registry?: ModelPlugins | undefined;
}

export interface TextOptions extends Pick<GenerateRequest, "temperature" | "topP" | "seed" | "stop" | "cache" | "signal"> {
  /** Default 256. */
  readonly maxTokens?: number | undefined;
}

/** What a model can do depends on its head: a method that its head does not fit throws `models/head-unfit`, which says what it is for. */
export interface LoadedModel {
  readonly checkpoint: Checkpoint;
  readonly session: Session;
  /** Text that follows the prompt (decoder) or answers it (encoder–decoder), as it comes. */
  readonly generate: (prompt: string, options?: TextOptions) => AsyncIterable<string>;
  /** One vector per text. */
  readonly embed: (texts: readonly string[], options?: AppOptions) => Promise<readonly Float32Array[]>;
  /** The class of each text or pair of texts, with probabilities. */
  readonly classify: (texts: readonly TextInput[], options?: AppOptions) => Promise<readonly Classification[]>;
  /** The part of a passage that answers a question. */
  readonly answer: (question: string, passage: string, options?: AnswerOptions) => Promise<Answer>;
  /** The likeliest tokens for each gap of a text. */
  readonly fillMask: (text: string, options?: FillOptions) => Promise<readonly (readonly Filling[])[]>;
  /** The class of every word of each text. */
  readonly tag: (texts: readonly string[], options?: AppOptions) => Promise<readonly (readonly Tagged[])[]>;
  /** Which of several continuations fits a text. */
  readonly choose: (text: string, choices: readonly string[], options?: AppOptions) => Promise<Choice>;
  /** Frees the device memory; the device stays open. */
  readonly dispose: () => Promise<void>;
}

/** Opens a model; reads headers now and weights when they are first used. Throws what `loadCheckpoint` and `openSession` throw. */
export async function load(files: FileSet, options: LoadOptions): Promise<LoadedModel> {
  const registry = options.registry ?? createRegistry(...builtIn);
  const checkpoint = await loadCheckpoint(files, registry);
  const session = openSession(checkpoint, { ...options, registry });
  return {
    checkpoint,
    session,
    generate: (prompt, text) => generateText(session, prompt, text),
    embed: (texts, given) => embed(session, texts, given),
    classify: (texts, given) => classify(session, texts, given),
    answer: (question, passage, given) => answer(session, question, passage, given),
    fillMask: (text, given) => fillMask(session, text, given),
    tag: (texts, given) => tag(session, texts, given),
    choose: (text, choices, given) => choose(session, text, choices, given),
    dispose: session.dispose,
  };
}

/** Text by a session. Throws `models/head-unfit` for a model that is no language model, `models/tokenizer-missing` for a model without tokenizer or without begin token. */
export async function* generateText(
  session: Session,
  prompt: string,
  { maxTokens = 256, ...options }: TextOptions = {},
): AsyncGenerator<string> {
  needHead(session.architecture, session.checkpoint.config, "next-token", "generate text");
  const { tokenizer } = session.checkpoint;
  const begin = beginToken(session.checkpoint, session.architecture);
  if (tokenizer === undefined || begin === undefined)
    throw tokenizerMissing({ part: tokenizer === undefined ? "a tokenizer" : "a begin token" });
  const request = requestFor(session, tokenizer, begin, prompt);
  const stream = new TextStream(tokenizer, request.prompts[0]!);
  for await (const [id] of session.generate({ ...options, ...request, maxTokens })) {
    const text = stream.push(id!);
    if (text !== "") yield text;
  }
  const rest = stream.rest();
  if (rest !== "") yield rest;
}

function requestFor(
  session: Session,
  tokenizer: Tokenizer,
  begin: number,
  prompt: string,
): Pick<GenerateRequest, "prompts" | "sources"> & { prompts: number[][] } {
  if (session.architecture.encode !== undefined) return { prompts: [[begin]], sources: [sourceIds(tokenizer, prompt)] };
  return { prompts: [[begin, ...tokenizer.encode(prompt)]] };
}
