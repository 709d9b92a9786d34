/** For applications: a model from its files, ready to generate text. */
import { createRegistry, type FileSet } from "@pare/core";
import type { Checkpoint } from "./checkpoint.ts";
import { tokenizerMissing } from "./errors.ts";
import { loadCheckpoint, type ModelPlugins } from "./folder/load.ts";
import { builtIn } from "./plugins.ts";
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

export interface LoadedModel {
  readonly checkpoint: Checkpoint;
  readonly session: Session;
  /** Text that follows the prompt (decoder) or answers it (encoder–decoder), as it comes. */
  readonly generate: (prompt: string, options?: TextOptions) => AsyncIterable<string>;
  /** Frees the device memory; the device stays open. */
  readonly dispose: () => Promise<void>;
}

/** Opens a model; reads headers now and weights when they are first used. Throws what `loadCheckpoint` and `openSession` throw. */
export async function load(files: FileSet, options: LoadOptions): Promise<LoadedModel> {
  const registry = options.registry ?? createRegistry(...builtIn);
  const checkpoint = await loadCheckpoint(files, registry);
  const session = openSession(checkpoint, { ...options, registry });
  return { checkpoint, session, generate: (prompt, text) => generateText(session, prompt, text), dispose: session.dispose };
}

/** Text by a session. Throws `models/tokenizer-missing` for a model without tokenizer or without begin token. */
export async function* generateText(
  session: Session,
  prompt: string,
  { maxTokens = 256, ...options }: TextOptions = {},
): AsyncGenerator<string> {
  const { tokenizer } = session.checkpoint;
  const begin = tokenizer?.special.begin;
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
  const ids = tokenizer.encode(prompt);
  return session.architecture.encode === undefined ? { prompts: [[begin, ...ids]] } : { prompts: [[begin]], sources: [ids] };
}
