/** In Node, without what adapters have besides: the page runs the suite with it. */
import { conformance } from "@pare/tensor-core/testing";
import { describe, test } from "vitest";
import { unsupported } from "../src/index.ts";
import { openInNode } from "./node.ts";

const device = await openInNode({ portable: true });

describe.skipIf(device === undefined)("in Node, portable", () => {
  conformance({ device: () => Promise.resolve(device!), skip: device === undefined ? {} : unsupported(device.features), test });
});
