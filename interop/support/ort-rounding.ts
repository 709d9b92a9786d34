/** onnxruntime's rounding of activations as traced transforms, so that both sides compute under one scheme. */
import {
  add,
  div,
  max,
  maximum,
  minimum,
  mul,
  neg,
  sub,
  sitesOf,
  type SiteRequests,
  type Value,
} from "../../packages/tensor-core/src/index.ts";
import type { ActivationRange } from "../../packages/formats/src/index.ts";
import { uint8Grid } from "../../packages/formats/src/onnx/flavours/int8-static.ts";
import { declareInputs, modelScope, type Architecture, type Checkpoint } from "../../packages/models/src/index.ts";

/** 1.5·2²³: adding it to a small f32 and taking it away again leaves the nearest whole number, ties to even. */
const WHOLE = 12_582_912;

function roundHalfEven(x: Value): Value {
  return sub(add(x, WHOLE), WHOLE);
}

function onGrid(x: Value, scale: Value | number, zeroPoint: Value | number): Value {
  const codes = minimum(maximum(add(roundHalfEven(div(x, scale as Value)), zeroPoint as Value), 0), 255);
  return mul(sub(codes, zeroPoint as Value), scale as Value);
}

/** DynamicQuantizeLinear: uint8, one scale and zero point for the whole tensor, 0 always on the grid. */
function dynamicUint8(x: Value): Value {
  const [top, bottom] = [maximum(max(x), 0), minimum(neg(max(neg(x))), 0)];
  const scale = div(sub(top, bottom), 255);
  const zeroPoint = minimum(maximum(roundHalfEven(div(neg(bottom), scale)), 0), 255);
  return onGrid(x, scale, zeroPoint);
}

/** Sites where linear weights read, by weight. */
function linearInputs(architecture: Architecture, model: Checkpoint): Map<string, string> {
  const sites = new Set(
    sitesOf((tracer) => {
      const inputs = declareInputs(tracer, architecture, model.config);
      return { y: architecture.forward(modelScope(tracer, architecture, model.config), model.config, inputs) };
    }),
  );
  const weights = architecture.weights(model.config).filter(({ role }) => role === "linear" || role === "rows");
  const found = weights.map(({ name }) => [name, sites.has(`${name}.input`) ? `${name}.input` : "logits.input"] as const);
  return new Map(found.filter(([, site]) => sites.has(site)));
}

export function dynamicScheme(architecture: Architecture, model: Checkpoint): SiteRequests {
  const sites = new Set(linearInputs(architecture, model).values());
  return Object.fromEntries([...sites].map((site) => [site, { transform: dynamicUint8 }]));
}

export function staticScheme(architecture: Architecture, model: Checkpoint, ranges: ReadonlyMap<string, ActivationRange>): SiteRequests {
  const requests = [...linearInputs(architecture, model)].flatMap(([weight, site]) => {
    const range = ranges.get(weight);
    if (range === undefined) return [];
    const { scale, zeroPoint } = uint8Grid(range);
    return [[site, { transform: (x: Value) => onGrid(x, scale, zeroPoint) }] as const];
  });
  return Object.fromEntries(requests);
}
