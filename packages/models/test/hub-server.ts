/** A server that answers as the Hub does, as far as models are fetched, with the faults that a network has. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export interface HubRepo {
  /** Content by path. */
  readonly files: Readonly<Record<string, Uint8Array | string>>;
  readonly commit: string;
  readonly gated?: boolean;
  readonly private?: boolean;
}

export interface HubServer {
  readonly endpoint: string;
  /** Bodies of content that were asked for: path and range. */
  readonly asked: { readonly path: string; readonly range: string | undefined; readonly token: string | undefined }[];
  /** Every request's path. */
  readonly requests: string[];
  /** Bytes after which the next answers with content break off, one for each answer. */
  readonly breaks: number[];
  /** Called before each piece of content is sent. */
  onPiece: ((sent: number) => void | Promise<void>) | undefined;
  /** What the next contents are changed into. */
  spoil: ((content: Buffer) => Buffer) | undefined;
  /** A status for everything. */
  status: number | undefined;
}

/** Files above this size lie in large-file storage, whose names are SHA-256 and whose content comes from another server. */
const LARGE = 1000;
const PIECE = 16_384;

export async function hubServer(repos: Readonly<Record<string, HubRepo>>): Promise<HubServer> {
  const state: HubServer = { endpoint: "", asked: [], requests: [], breaks: [], onPiece: undefined, spoil: undefined, status: undefined };
  const storage = await listening(async (request, response) => {
    const [repo, path] = splitPath(decodeURIComponent(request.url!.slice(1)));
    await sendContent(state, request, response, path, contentOf(repos[repo]!, path)!);
  });
  const hub = await listening(async (request, response) => {
    const url = new URL(request.url!, "http://hub");
    state.requests.push(url.pathname);
    if (state.status !== undefined) return refuse(response, state.status);
    const [, api, repo, what, revision, path = ""] =
      /^\/(api\/models\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/?]+)(?:\/(.*))?$/.exec(url.pathname) ?? [];
    const found = repos[repo ?? ""];
    if (found === undefined || (found.private === true && request.headers.authorization !== "Bearer hf_right"))
      return refuse(response, request.headers.authorization === undefined ? 401 : 404, "RepoNotFound");
    if (revision !== "main" && revision !== found.commit) return refuse(response, 404, "RevisionNotFound");
    if (api !== undefined && what === "revision")
      return json(response, { _id: "1", id: repo, sha: found.commit, lastModified: "2026-01-01" });
    if (api !== undefined) return listing(response, found, url, state.endpoint);
    if (found.gated === true && request.headers.authorization === undefined) return refuse(response, 401, "GatedRepo");
    const content = contentOf(found, decodeURIComponent(path));
    if (content === undefined) return refuse(response, 404, "EntryNotFound");
    if (content.length <= LARGE) return sendContent(state, request, response, path, content);
    response.writeHead(302, {
      location: `${storage}/${repo}/${path}`,
      "x-linked-etag": `"${etagOf(content)}"`,
      "x-linked-size": content.length,
    });
    response.end();
  });
  return Object.assign(state, { endpoint: hub });
}

export function etagOf(content: Buffer): string {
  if (content.length > LARGE) return createHash("sha256").update(content).digest("hex");
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

async function listening(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void): Promise<string> {
  const server = createServer((request, response) => void Promise.resolve(answer(request, response)).catch(() => response.destroy()));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function splitPath(path: string): [repo: string, path: string] {
  const parts = path.split("/");
  return [parts.slice(0, 2).join("/"), parts.slice(2).join("/")];
}

function contentOf({ files }: HubRepo, path: string): Buffer | undefined {
  const content = files[path];
  return content === undefined ? undefined : Buffer.from(content);
}

function json(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  response.writeHead(status, { "content-type": "application/json", ...(code === undefined ? {} : { "x-error-code": code }) });
  response.end(JSON.stringify({ error: "no" }));
}

/** Two entries a page, as the Hub pages longer lists. */
function listing(response: ServerResponse, repo: HubRepo, url: URL, endpoint: string): void {
  const folders = [
    ...new Set(Object.keys(repo.files).flatMap((path) => (path.includes("/") ? [path.slice(0, path.lastIndexOf("/"))] : []))),
  ];
  const entries = [
    ...folders.map((path) => ({ type: "directory", oid: "0".repeat(40), size: 0, path })),
    ...Object.keys(repo.files).map((path) => {
      const content = contentOf(repo, path)!;
      const etag = etagOf(content);
      if (content.length <= LARGE) return { type: "file", oid: etag, size: content.length, path };
      return { type: "file", oid: "1".repeat(40), size: content.length, path, lfs: { oid: etag, size: content.length, pointerSize: 130 } };
    }),
  ];
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const next = from + 2 < entries.length ? { link: `<${endpoint}${url.pathname}?recursive=true&cursor=${from + 2}>; rel="next"` } : {};
  json(response, entries.slice(from, from + 2), next as Record<string, string>);
}

async function sendContent(
  state: HubServer,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  whole: Buffer,
): Promise<void> {
  const { range, authorization } = request.headers;
  const [, begin, end] = /^bytes=(\d+)-(\d+)?$/.exec(range ?? "") ?? [];
  const spoiled = state.spoil?.(whole) ?? whole;
  const from = Number(begin ?? 0);
  const to = end === undefined ? spoiled.length : Number(end) + 1;
  const body = spoiled.subarray(from, to);
  response.writeHead(range === undefined ? 200 : 206, {
    "content-length": body.length,
    etag: `"${etagOf(whole)}"`,
    ...(range === undefined ? {} : { "content-range": `bytes ${from}-${to - 1}/${whole.length}` }),
  });
  // The one byte by which the size is asked is no content.
  if (range === "bytes=0-0") return void response.end(body);
  state.asked.push({ path, range, token: authorization });
  const limit = state.breaks.shift() ?? body.length;
  for (let at = 0; at < limit; at += PIECE) {
    await state.onPiece?.(at);
    await new Promise((sent) => response.write(body.subarray(at, Math.min(at + PIECE, limit)), sent));
  }
  if (limit < body.length) response.destroy();
  else response.end();
}
