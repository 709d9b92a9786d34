export { distil, type SoftTargetsOptions } from "./soft-targets.ts";
export { softTargets, softTargetsObjective, type SoftTargetsSettings } from "./soft-targets-objective.ts";
export { makeStudent, spreadLayers, type StudentShape } from "./student.ts";
export { layersInvalid, modelsDiffer, shapeDiffers, studentMissing } from "./errors.ts";
