/** `node --conditions=@pare/source tools/errors/write.ts`: writes `docs/errors.md`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../workspace.ts";
import { catalogue, page } from "./catalogue.ts";

mkdirSync(join(ROOT, "docs"), { recursive: true });
writeFileSync(join(ROOT, "docs/errors.md"), page(await catalogue(ROOT)));
