export { hubSource, type HubOptions } from "./node/hub/source.ts";
export { load, type LoadNamedOptions } from "./node/load.ts";
