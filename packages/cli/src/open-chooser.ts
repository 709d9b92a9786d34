/** The measured choice between dense and sparse, with timings that outlive the command. */
import { resolve } from "node:path";
import { isPareError, readText, writeText, type FileSet, type RunEvent } from "@pare/core";
import { folderFiles } from "@pare/core/node";
import { measuredChooser, parseTimings, timingsInvalid, type Timing } from "@pare/sparse-kernels";
import { roundActivations, type Chooser, type Device } from "@pare/tensor-core";
import type { Checkpoint } from "@pare/models";
import type { RunFlags } from "./device.ts";
import { roundingUnsupported } from "./errors.ts";

type Emit = (event: RunEvent) => void;

/**
 * Times what `store/timings-<variant>.json` (of this number of threads) does not know yet and keeps it there, so that a repeated command chooses alike.
 * A damaged file is measured anew and one that cannot be written does without: both are told as warnings.
 */
export async function openChooser(device: Device, store: FileSet, emit: Emit): Promise<Chooser> {
  const threads = device.threads ?? 1;
  const name = `timings-${device.variant}${threads === 1 ? "" : `-${threads}-threads`}.json`;
  const cache = await readTimings(store, name, emit);
  const measured = measuredChooser({ device, cache });
  return async (choice) => {
    const known = cache.size;
    const chosen = await measured(choice);
    if (cache.size > known) await writeTimings(store, name, cache, emit);
    return chosen;
  };
}

/** How the weights of a model run by the flags of {@link RunFlags}; `cwd`: the folder that `--store` starts from. Throws `cli/rounding-unsupported`. */
export async function chooserFor(
  { store, roundActivations: rounds }: RunFlags,
  model: Checkpoint,
  device: Device,
  cwd: string,
  emit: Emit,
): Promise<Chooser> {
  const measured = await openChooser(device, folderFiles(resolve(cwd, store), { create: true }), emit);
  return rounds === true ? rounding(model, device, measured) : measured;
}

/** `--round-activations` over another choice. Throws `cli/rounding-unsupported` where no weight of the model has a kernel for it here. */
function rounding({ weights }: Checkpoint, device: Device, otherwise: Chooser): Chooser {
  const rounds = [...weights.values()].some((stored) =>
    stored.candidates("linear").some(({ approximate, ops }) => approximate === true && ops.every((op) => device.supports(op))),
  );
  if (!rounds) throw roundingUnsupported({ device: `${device.backend} (${device.variant})` });
  return roundActivations(otherwise);
}

async function readTimings(store: FileSet, name: string, emit: Emit): Promise<Map<string, Timing>> {
  try {
    return parseTimings(JSON.parse(await readText(store, name)));
  } catch (error) {
    const code = isPareError(error) ? error.code : undefined;
    if (code === "core/file-missing") return new Map();
    if (code !== timingsInvalid.code && !(error instanceof SyntaxError)) throw error;
    emit({ type: "warning", message: `${store.location}/${name} is damaged; dense and sparse are timed again` });
    return new Map();
  }
}

async function writeTimings(store: FileSet, name: string, cache: ReadonlyMap<string, Timing>, emit: Emit): Promise<void> {
  try {
    await writeText(store, name, `${JSON.stringify(Object.fromEntries(cache), null, 2)}\n`);
  } catch (error) {
    if (!isPareError(error)) throw error;
    emit({ type: "warning", message: `the timings of dense and sparse are not kept: ${error.report.message}` });
  }
}
