/** The WebGPU device over another implementation than Chromium's (wgpu, in Deno), on an adapter that computes in f16: conformance and models. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { SPARSE_OPS } from "../packages/sparse-kernels/src/index.ts";
import { conformanceNames } from "../tools/browser/conformance.ts";
import { findDeno, runInDeno, softwareDriver } from "./support/deno.ts";
import type { Outcome } from "./support/webgpu-in-deno.ts";

const deno = findDeno();

describe.skipIf(deno === undefined)("in Deno", () => {
  let outcome: Outcome | null;
  beforeAll(async () => {
    outcome = await runInDeno<Outcome | null>(deno!, join(import.meta.dirname, "support/webgpu-in-deno.ts"));
    console.log(outcome === null ? "skipped: no adapter here; apt-get install mesa-vulkan-drivers brings a software one" : outcome.variant);
  }, 600_000);

  const check = (name: string, body: (outcome: Outcome, skip: (why: string) => void) => void): void =>
    test(name, ({ skip }) => {
      if (outcome === null) skip("no adapter");
      else body(outcome, skip);
    });

  check("f16 is computed in by Mesa's software driver", ({ variant, left }) => {
    if ("VK_ICD_FILENAMES" in softwareDriver()) expect([variant, left]).toEqual([expect.stringMatching(/^software llvmpipe .*, f16$/), {}]);
  });

  for (const name of conformanceNames({})) {
    check(name, ({ left, faults }, skip) => {
      const why = left[name.split(":")[0]!];
      if (why !== undefined) skip(why);
      expect(faults[name]).toBeUndefined();
    });
  }

  describe("sparse", () => {
    for (const name of conformanceNames({ ops: SPARSE_OPS })) check(name, ({ sparseFaults }) => expect(sparseFaults[name]).toBeUndefined());
  });

  check("one training step of a small model is the reference's", ({ steps }) => {
    for (const { tensors, elements, worst } of Object.values(steps)) {
      console.log(`${tensors} tensors, ${elements} elements, differ by at most ${worst.toExponential(1)}`);
      expect(tensors).toBeGreaterThan(30);
      expect(worst).toBeLessThan(2e-5);
    }
  });

  check("small models generate the reference's tokens with their caches", ({ tokens }) => {
    for (const [found, expected] of Object.values(tokens)) expect(found).toEqual(expected);
  });

  check("a model of f16 computes in f16 where rounded activations are asked for", ({ rounded, left }, skip) => {
    if ("linear-f16" in left) skip(left["linear-f16"]!);
    console.log(`logits differ by at most ${rounded.worst.toExponential(1)}`);
    expect(rounded.choices).toEqual(["linear-f16: rounded activations were asked for"]);
    expect(rounded.worst).toBeGreaterThan(1e-5);
    expect(rounded.worst).toBeLessThan(3e-2);
  });
});
