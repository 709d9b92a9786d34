export { SPARSE_UNSUPPORTED, sparseGpujsPack } from "./pack.ts";
