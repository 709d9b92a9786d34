import { openWasm } from "@pare/backend-wasm";
import { SPARSE_OPS } from "@pare/sparse-kernels";
import { sparseWasmPack } from "@pare/sparse-kernels/wasm";
import { outcomesOf } from "../../backend-wasm/test/wide-outcomes.ts";

// Node ends while nothing but the compiler works.
const alive = setInterval(() => {}, 1000);
const [plain, relaxed] = [await openWasm({ packs: [sparseWasmPack], portable: true }), await openWasm({ packs: [sparseWasmPack] })];
console.log(JSON.stringify({ plain: await outcomesOf(plain, SPARSE_OPS), relaxed: await outcomesOf(relaxed, SPARSE_OPS) }));
clearInterval(alive);
