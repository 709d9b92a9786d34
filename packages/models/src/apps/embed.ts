import { needHead } from "../session/head.ts";
import type { Session } from "../session/types.ts";
import { encodeText, runRows, type AppOptions } from "./rows.ts";

/**
 * One vector per text, pooled and normalised as the model's head says. A text longer than the model reads is cut.
 *
 * Throws `models/head-unfit` for a model that is no sentence embedder, `models/tokenizer-missing`.
 */
export async function embed(session: Session, texts: readonly string[], options: AppOptions = {}): Promise<Float32Array[]> {
  needHead(session.architecture, session.checkpoint.config, "sentence-embedding", "embed texts");
  const rows = texts.map((text) => encodeText(session, text));
  return (await runRows(session, rows, options)).map(({ data }) => data);
}
