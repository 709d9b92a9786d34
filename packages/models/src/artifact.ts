import { API_VERSION, type ArtifactLoader } from "@pare/core";
import type { Checkpoint } from "./checkpoint.ts";
import { loadCheckpoint } from "./folder/load.ts";

/** Loads checkpoints again that a run has stored. */
export const checkpointArtifact: ArtifactLoader<"checkpoint", Checkpoint> = {
  kind: "artifact",
  id: "checkpoint",
  version: 1,
  apiVersion: API_VERSION,
  package: "@pare/models",
  load: (files, { registry }) => loadCheckpoint(files, registry),
};
