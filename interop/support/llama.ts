/** llama.cpp through node-llama-cpp, where interop/ is installed. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** What is used of node-llama-cpp; the tests are checked where it is not installed too. */
interface NodeLlama {
  readonly getLlama: (options: object) => Promise<Llama>;
}

export interface Llama {
  readonly loadModel: (options: { readonly modelPath: string }) => Promise<LlamaModel>;
  readonly dispose: () => Promise<void>;
}

interface LlamaModel {
  readonly tokenize: (text: string, specialTokens?: boolean, options?: "trimLeadingSpace") => number[];
  readonly detokenize: (tokens: readonly number[]) => string;
  readonly createContext: (options: object) => Promise<LlamaContext>;
  readonly dispose: () => Promise<void>;
}

interface LlamaContext {
  readonly getSequence: () => LlamaSequence;
}

interface LlamaSequence {
  readonly evaluate: (tokens: readonly number[], options: object) => AsyncGenerator<number, void, void>;
}

/** node-llama-cpp on its prebuilt CPU binary; undefined, and said aloud, where it is not installed. */
export async function openLlama(): Promise<Llama | undefined> {
  if (!existsSync(new URL("../node_modules/node-llama-cpp", import.meta.url))) {
    console.warn("skipped: node-llama-cpp is not installed; `npx -y pnpm@12.21.0 --dir interop install --frozen-lockfile` installs it");
    return undefined;
  }
  const entry = createRequire(new URL("../package.json", import.meta.url)).resolve("node-llama-cpp");
  const { getLlama } = (await import(pathToFileURL(entry).href)) as NodeLlama;
  // One thread: its threads wait for each other by spinning, which a busy machine makes very slow.
  return getLlama({ build: "never", gpu: false, logLevel: "error", maxThreads: 1 });
}

export interface Greedy {
  readonly ids: readonly number[];
  /** By its own tokenizer; only where a prompt was given as text. */
  readonly text?: string | undefined;
  /** What its own tokenizer makes of the prompt. */
  readonly prompt?: readonly number[] | undefined;
}

export interface GreedyRequest {
  readonly prompt?: string | undefined;
  /** Ids that the model goes on from. */
  readonly ids: readonly number[];
  readonly tokens: number;
}

/** The tokens that llama.cpp thinks likeliest, one after the other, with caches of the type of the weights. */
export async function greedy(
  llama: Llama,
  modelPath: string,
  { prompt, ids, tokens }: GreedyRequest,
  cache: "F32" | "F16",
): Promise<Greedy> {
  const model = await llama.loadModel({ modelPath });
  try {
    const context = await model.createContext({
      contextSize: 128,
      threads: 1,
      flashAttention: false,
      experimentalKvCacheKeyType: cache,
      experimentalKvCacheValueType: cache,
    });
    const found: number[] = [];
    for await (const id of context.getSequence().evaluate(ids, { temperature: 0, yieldEogToken: true })) {
      found.push(id);
      if (found.length === tokens) break;
    }
    // llama.cpp ends the process where a model without tokenizer is asked for text.
    return prompt === undefined ? { ids: found } : { ids: found, text: model.detokenize(found), prompt: model.tokenize(prompt) };
  } finally {
    await model.dispose();
  }
}
