import { conformance } from "@pare/tensor-core/testing";
import { describe, test } from "vitest";
import { openWasm, UNSUPPORTED } from "../src/index.ts";
import { VARIANTS } from "../src/variants.ts";

describe.each(VARIANTS)("$name, $vectors bits, or what this machine can of it", ({ portable, vectors }) => {
  conformance({ device: () => openWasm({ portable, wide: vectors === 256 }), skip: UNSUPPORTED, test });
});
