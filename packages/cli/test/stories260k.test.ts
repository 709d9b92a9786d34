/** A real pretrained model through the command line: a part of what `tools/judge/stories260k.ts` measures. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { absentFiles, CASES, checkText, measureCase, type Pare } from "../../../tools/judge/protocol.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const absent = absentFiles();
if (absent.length > 0) console.warn(`stories260K is not measured: ${absent.join(", ")} not there.`);

const pare: Pare = (argv, cwd) => runCli(argv, { cwd });
const tried = ["as shipped", "int8", "int4", "magnitude 50 % per matrix"];
const cases = CASES.filter(({ name }) => tried.includes(name));

test("every row that is tried is among those of the protocol", () => {
  expect(cases.map(({ name }) => name)).toEqual(tried);
});

test.skipIf(absent.length > 0).each(cases)("$name has the known NLL, runs from its storage and falls back on nothing", async (each) => {
  const row = await measureCase(each, join(temporaryFolder(), "case"), pare);
  expect(row.faults).toEqual([]);
  if (each.name !== "as shipped") expect(Object.keys(row.kernels)).not.toHaveLength(0);
});

test.skipIf(absent.length > 0)("writes the story of its page to the last token, and llama2.c's ids", async () => {
  for (const { name, faults } of await checkText(temporaryFolder(), pare)) expect(faults, name).toEqual([]);
});
