export { quantize, roundToNearest, type RoundToNearestOptions } from "./round-to-nearest.ts";
export { roundToNearest as roundValues, type Granularity, type RoundOptions, type Rounded } from "./round.ts";
export { gptq, type GptqOptions } from "./gptq.ts";
export { gptqRound, type GptqRounding, type GptqTask } from "./gptq-round.ts";
export { alreadyQuantized, notFinite } from "./errors.ts";
