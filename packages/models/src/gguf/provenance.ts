/** What a model has seen and what was done to it, carried inside a GGUF file. */
import { ggufFields, parseJson, type GgufFile } from "@pare/formats";
import type { Provenance } from "../checkpoint.ts";
import { provenanceInvalid } from "../errors.ts";
import { provenanceFromJson } from "../folder/provenance-json.ts";

export const PROVENANCE_KEY = "pare.provenance";

/** Of a file that Pare wrote, its own; of another, that nobody knows. */
export function ggufProvenance(content: GgufFile): { readonly origin: string; readonly provenance: Provenance | undefined } {
  const fields = ggufFields(content);
  const origin = `a GGUF file${fields.has("general.name") ? ` named ${JSON.stringify(fields.string("general.name"))}` : ""}`;
  if (!fields.has(PROVENANCE_KEY)) return { origin, provenance: undefined };
  const { file } = content;
  const fail = (found: string): Error => provenanceInvalid({ file, field: PROVENANCE_KEY, expected: "JSON", found });
  return { origin, provenance: provenanceFromJson(parseJson(fields.string(PROVENANCE_KEY), fail), file) };
}
