import { expect, test } from "vitest";
import { packageVersions } from "./package-versions.ts";
import zod from "zod/package.json" with { type: "json" };

test("versions are those of the packages that the module finds", async () => {
  expect(await packageVersions(["zod", "zod"], import.meta.url)).toEqual({ zod: zod.version });
  await expect(packageVersions(["@pare/nowhere"], import.meta.url)).rejects.toThrow(
    expect.objectContaining({ code: "core/package-missing", report: expect.objectContaining({ field: "@pare/nowhere" }) }),
  );
});
