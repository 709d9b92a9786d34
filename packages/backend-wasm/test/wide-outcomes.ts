/** What every case of some ops gives on a device, as hashes: to compare processes whose engines compile differently. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import type { AnyOp, Device } from "@pare/tensor-core";
import { checkFollowing, runCase, type AnyCase } from "@pare/tensor-core/testing";

/** SHA-256 by op of the bytes of all outputs, with inputs that may change and with constant ones. Norms that follow give what they give alone, or this throws. */
export async function outcomesOf(device: Device, ops: readonly AnyOp[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const op of ops.filter(({ name, view }) => view !== true && device.supports(name))) {
    const hash = createHash("sha256");
    for (const one of op.cases() as Iterable<AnyCase>) {
      for (const constant of op.updates === undefined ? [false, true] : [false]) {
        const { outputs } = await runCase(device, op, one, { runs: 1, constant });
        for (const output of Object.values(outputs[0]!)) hash.update(output.data);
      }
      if (op.epilogue === true && one.inputs["residual"] !== undefined) await checkFollowing(device, op, one);
    }
    found[op.name] = hash.digest("hex");
  }
  return found;
}

/** All functions compiled at once and optimised: joined code only comes of the optimising compiler. Inlining would want counts of calls. */
const FLAGS = ["--experimental-wasm-revectorize", "--no-liftoff", "--no-wasm-lazy-compilation", "--no-wasm-inlining"];

/** Runs a script, whose output is JSON, in a process that joins vectors. */
export async function joined(script: string): Promise<Record<string, Record<string, string>>> {
  const flags = [...FLAGS, "--conditions=@pare/source", "--disable-warning=ExperimentalWarning"];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script], { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout) as Record<string, Record<string, string>>;
}
