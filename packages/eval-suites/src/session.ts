/** What every suite does with the model it is given. */
import { isPareError, type Context } from "@pare/core";
import { openSession, type Checkpoint, type Session, type Tokenizer } from "@pare/models";
import type { Chooser } from "@pare/tensor-core";
import { deviceOf, listeners, tokenizerIncomplete } from "@pare/training";
import { vocabularyLacks } from "./errors.ts";

/** Runs with a session on the context's device and chooser, freed in every case. Fallbacks and choices of kernels are told as events. */
export async function withSession<Result>(
  subject: Checkpoint,
  suite: string,
  context: Context,
  run: (session: Session) => Promise<Result>,
): Promise<Result> {
  const device = deviceOf(context, suite);
  const chooser = context.chooser as Chooser | undefined;
  const session = openSession(subject, { device, chooser, registry: context.registry, ...listeners(context, device) });
  try {
    return await run(session);
  } finally {
    await session.dispose();
  }
}

/** The tokenizer, once it is known to write every one of these words so that they read back. Throws `training/tokenizer-incomplete` and `eval-suites/vocabulary-lacks`. */
export function tokenizerFor(subject: Checkpoint, suite: string, words: Iterable<string>): Tokenizer {
  const { tokenizer } = subject;
  if (tokenizer === undefined) throw tokenizerIncomplete({ token: "any" });
  const missing = [...words].filter((word) => !canWrite(tokenizer, word));
  if (missing.length > 0) throw vocabularyLacks({ suite, words: missing });
  return tokenizer;
}

function canWrite(tokenizer: Tokenizer, word: string): boolean {
  try {
    return tokenizer.decode(tokenizer.encode(word)).trim() === word;
  } catch (error) {
    if (isPareError(error)) return false;
    throw error;
  }
}
