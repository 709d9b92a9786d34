export { toyEncoder, words } from "./encoder.ts";
export {
  LINES,
  TEXT,
  letters,
  logitsOf,
  outputsOf,
  toyArchitecture,
  toyContext,
  toyModel,
  withQuantized,
  type ToyConfig,
  type ToyContext,
  type ToyContextOptions,
} from "./toy.ts";
