export { quantize, roundToNearest, type RoundToNearestOptions } from "./round-to-nearest.ts";
export { roundToNearest as roundValues, type Granularity, type RoundOptions, type Rounded } from "./round.ts";
export { alreadyQuantized, notFinite } from "./errors.ts";
