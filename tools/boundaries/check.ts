/** `node tools/boundaries/check.ts`: import directions and the rules of the house. Ends with 1 on a fault. */
import { ROOT } from "../workspace.ts";
import { checkWorkspace } from "./rules.ts";
import table from "./table.json" with { type: "json" };

const { faults, long } = checkWorkspace(ROOT, table);
if (long.length > 0) console.log(`files over 400 lines (aim: none):\n${long.map((line) => `  ${line}`).join("\n")}`);
for (const fault of faults) console.error(fault);
console.log(faults.length === 0 ? "boundaries: no fault" : `boundaries: ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
