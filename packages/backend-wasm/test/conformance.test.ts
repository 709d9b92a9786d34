import { conformance } from "@pare/tensor-core/testing";
import { describe, test } from "vitest";
import { openWasm } from "../src/index.ts";

describe("plain SIMD", () => {
  conformance({ device: () => openWasm({ portable: true }), test });
});

describe("the variant this machine chooses", () => {
  conformance({ device: () => openWasm(), test });
});
