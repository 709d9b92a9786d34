import { conformance } from "@pare/tensor-core/testing";
import { describe, test } from "vitest";
import { openGpujs, UNSUPPORTED } from "../src/index.ts";

describe("on the CPU, as gpu.js runs in Node without headless GL", () => {
  conformance({ device: () => openGpujs({ mode: "cpu" }), skip: UNSUPPORTED, test });
});
