/** One training step as a graph: forward, loss, gradients, clipping and AdamW, all on the device. */
import { declareInputs, modelScope } from "@pare/models";
import {
  adamw,
  add,
  clipScale,
  dim,
  globalNorm,
  gradients,
  scaleGradients,
  trace,
  type Graph,
  type SiteRequests,
  type Tracer,
  type Value,
} from "@pare/tensor-core";
import { logitsInput } from "./frozen-logits.ts";
import type { Objective } from "./objective.ts";
import { frozenWeight, type Subject } from "./subject.ts";
import type { TrainableView } from "./view.ts";

/** State that sums the losses of the steps since it was last read. */
export const LOSS_STATE = "loss";

export function leafState(weight: string, leaf: string): string {
  return `${weight}#${leaf}`;
}

export interface LossInputs {
  readonly subject: Subject;
  readonly frozen: Readonly<Record<string, Subject>>;
  readonly objective: Objective;
  /** Frozen models whose logits for `inputs` are given at run time instead of computed. */
  readonly kept?: ReadonlySet<string> | undefined;
  /** Puts trained leaves in the place of weights; undefined: the weight as it is stored. */
  readonly view?: ((weight: string) => Value | undefined) | undefined;
}

/** Traces the objective over the inputs that `batchTensors` gives, `targets` i32 `[batch, seq]` and `weight` f32 `[]` among them. */
export function traceLoss(tracer: Tracer, { subject, frozen, objective, kept, view }: LossInputs): Value {
  const inputs = declareInputs(tracer, subject.architecture, subject.checkpoint.config);
  const scope = modelScope(tracer, subject.architecture, subject.checkpoint.config, view);
  return objective.loss({
    tracer,
    inputs,
    targets: tracer.input("targets", "i32", [dim("batch"), dim("seq")]),
    weight: tracer.input("weight", "f32", []),
    forward: (given) => subject.architecture.forward(scope, subject.checkpoint.config, given),
    frozen: (name) => (given) => {
      if (given === inputs && kept?.has(name) === true) return logitsInput(tracer, name, frozen[name]);
      const { architecture, checkpoint } = frozen[name];
      return architecture.forward(modelScope(asFrozen(tracer, name), architecture, checkpoint.config), checkpoint.config, given);
    },
  });
}

export interface StepOptions extends LossInputs {
  readonly views: ReadonlyMap<string, TrainableView>;
  /** Whether an input `clip` f32 `[]` bounds the norm of the gradients. */
  readonly clip: boolean;
  readonly sites?: SiteRequests | undefined;
}

/** Inputs beside the batch: `decayed` and `plain` f32 `[8]` (see `adamwHyper`), and `clip`. Adds the loss to {@link LOSS_STATE}. */
export function stepGraph({ views, clip, sites, ...options }: StepOptions): Graph {
  return trace(
    (tracer) => {
      const leaf = (weight: string, name: string): Value =>
        tracer.state(leafState(weight, name), "f32", views.get(weight)!.leaves[name].shape);
      const view = (weight: string): Value | undefined => views.get(weight)?.value((name) => leaf(weight, name));
      const loss = traceLoss(tracer, { ...options, view });
      const groups = new Map(
        [...views].flatMap(([weight, { leaves }]) =>
          Object.entries(leaves).map(([name, { group }]) => [leafState(weight, name), { weight, name, group }]),
        ),
      );
      const moved = [...groups].filter(([, { group }]) => group !== "constant");
      const parameters = Object.fromEntries(moved.map(([state, { weight, name }]) => [state, leaf(weight, name)]));
      const slopes = gradients(loss, Object.values(parameters));
      const scale = clip ? clipScale(globalNorm(slopes), tracer.input("clip", "f32", [])) : undefined;
      const scaled = (hyper: Value): Value => (scale === undefined ? hyper : scaleGradients(hyper, scale));
      const [decayed, plain] = ["decayed", "plain"].map((group) => scaled(tracer.input(group, "f32", [8])));
      adamw({
        tracer,
        parameters,
        gradients: Object.fromEntries(moved.map(([state], index) => [state, slopes[index]])),
        hyper: (state) => (groups.get(state)!.group === "decayed" ? decayed : plain),
      });
      const sum = tracer.state(LOSS_STATE, "f32", []);
      tracer.assign(sum, add(sum, loss));
      return {};
    },
    { sites },
  );
}

/** The tracer as a frozen model sees it: weights under its name, sites out of reach. */
function asFrozen(tracer: Tracer, model: string): Tracer {
  return {
    ...tracer,
    weight: (name, shape) => tracer.weight(frozenWeight(model, name), shape),
    site: (_name, value) => value,
    observe: () => {},
  };
}
