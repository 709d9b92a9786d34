export { sparseWasmPack } from "./pack.ts";
