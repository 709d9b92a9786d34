export { toyEncoder, words } from "./encoder.ts";
export {
  LINES,
  TEXT,
  letters,
  logitsOf,
  toyArchitecture,
  toyContext,
  toyModel,
  withQuantized,
  type ToyConfig,
  type ToyContext,
  type ToyContextOptions,
} from "./toy.ts";
