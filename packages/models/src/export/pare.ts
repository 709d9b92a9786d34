import { z } from "zod";
import { saveCheckpoint } from "../folder/save.ts";
import { defineExporter, type ExporterPlugin } from "./exporter.ts";

/** Pare's own folder, which says everything: storages, masks, uneven heads, provenance. Nothing is changed. */
export const pareExporter: ExporterPlugin<"pare"> = defineExporter({
  id: "pare",
  version: 1,
  package: "@pare/models",
  options: z.strictObject({}),
  write: async (checkpoint, { files }) => {
    await saveCheckpoint(checkpoint, files);
    return { changes: [], notes: [] };
  },
});
