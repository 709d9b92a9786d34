import { OPS } from "@pare/tensor-core";
import { openWasm, vectorsJoined } from "../src/index.ts";
import { outcomesOf } from "./wide-outcomes.ts";

// Node ends while nothing but the compiler works.
const alive = setInterval(() => {}, 1000);
const [plain, relaxed] = [await openWasm({ portable: true }), await openWasm()];
const vectors = { joined: `${vectorsJoined()}`, plain: `${plain.vectors}`, relaxed: `${relaxed.vectors}`, variant: relaxed.variant };
console.log(JSON.stringify({ vectors, plain: await outcomesOf(plain, OPS), relaxed: await outcomesOf(relaxed, OPS) }));
clearInterval(alive);
