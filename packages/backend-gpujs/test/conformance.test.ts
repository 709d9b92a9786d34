import { conformance } from "@pare/tensor-core/testing";
import { describe, test } from "vitest";
import { openGpujs, UNSUPPORTED } from "../src/index.ts";

const headless = await openGpujs({ mode: "headlessgl" }).then(
  async (device) => {
    await device.close();
    return true;
  },
  () => false,
);
if (!headless) console.warn("headless GL is not tested: the optional package gl is not built here");

describe("on the CPU, as gpu.js runs in Node without headless GL", () => {
  conformance({ device: () => openGpujs({ mode: "cpu" }), skip: UNSUPPORTED, test });
});

describe.skipIf(!headless)("on headless GL", () => {
  conformance({ device: () => openGpujs({ mode: "headlessgl" }), skip: UNSUPPORTED, test });
});
