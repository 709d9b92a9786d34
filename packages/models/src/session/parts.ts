import type { Compiled, Graph, HostTensor, SiteRequests, Store } from "@pare/tensor-core";
import type { Architecture } from "../architecture.ts";
import type { Checkpoint } from "../checkpoint.ts";
import type { Session } from "./types.ts";

/** What the methods of a session share. */
export interface SessionParts {
  readonly checkpoint: Checkpoint;
  readonly architecture: Architecture;
  readonly store: Store;
  readonly sites: SiteRequests | undefined;
  /** Compiles a graph that is disposed of with the session. */
  readonly make: (graph: Graph) => Compiled;
  readonly run: Session["run"];
}

export type Inputs = Readonly<Record<string, HostTensor>>;
