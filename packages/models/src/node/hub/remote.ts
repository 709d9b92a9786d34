/** What the Hub is asked, through its own client; whatever fails has a code. */
import { isPareError } from "@pare/core";
import { hubGated, hubNotFound, hubUnreachable } from "../../errors.ts";
import type { HubFile, Listing } from "./cache.ts";
import { isCommit } from "./reference.ts";

export interface Remote {
  /** The commit that a branch or tag stands for now. */
  readonly commitOf: (revision: string) => Promise<string>;
  readonly list: (commit: string) => Promise<Listing>;
  /** Gives a file's bytes from `begin` on to `take`, chunk by chunk, each before the next is asked for. */
  readonly read: (commit: string, path: string, begin: number, take: (chunk: Uint8Array) => Promise<void>) => Promise<void>;
}

export interface RemoteOptions {
  readonly repo: string;
  /** `https://huggingface.co`, or a server that answers alike. */
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Every method throws `models/hub-not-found`, `models/hub-gated`, `models/hub-unreachable`, and `signal.reason` after an abort. */
export function hubRemote({ repo, endpoint, token, signal }: RemoteOptions): Remote {
  const client = import("@huggingface/hub");
  const designation = { type: "model", name: repo } as const;
  const credentials = token === undefined ? {} : { accessToken: token };
  const failed = failures(repo, endpoint, token !== undefined, signal);
  return {
    commitOf: (revision) =>
      failed(revision, async (fetch) => {
        const { modelInfo } = await client;
        const { sha } = await modelInfo({ name: repo, revision, additionalFields: ["sha"], hubUrl: endpoint, fetch, ...credentials });
        if (typeof sha !== "string" || !isCommit(sha)) throw new Error("the answer names no commit");
        return sha;
      }),
    list: (commit) =>
      failed(commit, async (fetch) => {
        const { listFiles } = await client;
        const listing = new Map<string, HubFile>();
        const entries = listFiles({ repo: designation, revision: commit, recursive: true, hubUrl: endpoint, fetch, ...credentials });
        for await (const { type, path, size, oid, lfs } of entries) {
          const etag = lfs?.oid ?? oid ?? "";
          if (type !== "file") continue;
          if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag)) throw new Error(`the answer gives no hash for ${path}`);
          listing.set(path, { size: lfs?.size ?? size, etag });
        }
        return listing;
      }),
    read: (commit, path, begin, take) =>
      failed(path, async (fetch) => {
        const { downloadFile } = await client;
        const blob = await downloadFile({ repo: designation, path, revision: commit, hubUrl: endpoint, fetch, ...credentials });
        if (blob === null) throw new Error("there is no such file");
        for await (const chunk of (begin === 0 ? blob : blob.slice(begin)).stream()) await take(chunk);
      }),
  };
}

type Fetch = typeof fetch;

/**
 * Runs requests and says in our words what went wrong with them. The client's errors do not say why the Hub refused, and its streams
 * keep a message alone, so that the requests themselves are watched.
 *
 * @returns takes what is asked for, for errors, and the work.
 */
function failures(
  repo: string,
  endpoint: string,
  authorized: boolean,
  signal: AbortSignal | undefined,
): <T>(what: string, work: (fetch: Fetch) => Promise<T>) => Promise<T> {
  return async (what, work) => {
    let refused: Response | undefined;
    let cause: unknown;
    const watched: Fetch = async (input, init) => {
      try {
        const response = await fetch(input, { ...init, ...(signal === undefined ? {} : { signal }) });
        refused = response.ok ? undefined : response;
        return response;
      } catch (error) {
        cause = error;
        throw error;
      }
    };
    try {
      return await work(watched);
    } catch (error) {
      signal?.throwIfAborted();
      if (isPareError(error)) throw error;
      throw refused === undefined
        ? hubUnreachable({ endpoint, what: `${repo}: ${what}`, why: reasonOf(cause ?? error), cause: cause ?? error })
        : refusal(refused, { repo, endpoint, what, authorized });
    }
  };
}

interface Asked {
  readonly repo: string;
  readonly endpoint: string;
  readonly what: string;
  readonly authorized: boolean;
}

/** The Hub says in a header which of its reasons a status stands for. */
function refusal({ status, statusText, headers }: Response, { repo, endpoint, what, authorized }: Asked): Error {
  const code = headers.get("x-error-code");
  if (code === "GatedRepo" || status === 403) return hubGated({ repo, endpoint, authorized });
  // To those it does not know, the Hub says 401 of whatever is private and of whatever does not exist.
  if (status === 404 || status === 401) {
    const missing = code === "RevisionNotFound" ? "revision" : code === "EntryNotFound" ? "file" : "repository";
    return hubNotFound({ repo, endpoint, missing, name: missing === "repository" ? repo : what, authorized });
  }
  return hubUnreachable({ endpoint, what: `${repo}: ${what}`, why: `the server answers ${status} ${statusText}`.trim(), cause: undefined });
}

/** `fetch` says that it failed, and why only one level below. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message} (${(cause as NodeJS.ErrnoException).code ?? cause.message})` : error.message;
}
