export { sparseWebgpuPack } from "./pack.ts";
