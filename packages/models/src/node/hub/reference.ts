import { checkName, isPareError } from "@pare/core";
import { hubReferenceInvalid } from "../../errors.ts";

/** What `hub:` names: a repository, a revision of it, and a folder or file there. */
export interface HubReference {
  /** `owner/name`; models of the Hub's first days have a name alone. */
  readonly repo: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Empty: all of the repository. */
  readonly path: string;
}

const NAME = "[A-Za-z0-9](?:[\\w.-]*[A-Za-z0-9_])?";
const REFERENCE = new RegExp(`^(${NAME}/${NAME}|${NAME}(?=@|$))(?:@([^/]+))?(?:/(.+))?$`);

/**
 * `owner/name[@revision][/folder]`. A revision with slashes is written with `%2F`.
 *
 * Throws `models/hub-reference-invalid`.
 */
export function parseReference(reference: string): HubReference {
  const [, repo, revision = "main", path = ""] = REFERENCE.exec(reference) ?? [];
  // Two hyphens part owner and name in the cache's folders.
  if (repo === undefined || /--|\.\./.test(repo)) throw hubReferenceInvalid({ reference });
  try {
    const decoded = decodeURIComponent(revision);
    for (const name of [decoded, ...(path === "" ? [] : [path])]) checkName(repo, name);
    return { repo, revision: decoded, path };
  } catch (error) {
    if (isPareError(error) || error instanceof URIError) throw hubReferenceInvalid({ reference });
    throw error;
  }
}

/** The name of a commit, which never means anything else later. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
