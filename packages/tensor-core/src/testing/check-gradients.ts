/** Gradients against finite differences, in float64 on the references: both sides are exact to many digits, so errors show. */
import { isPareError } from "@pare/core";
import { trace } from "../trace.ts";
import type { Value } from "../graph.ts";
import type { HostTensor } from "../host.ts";
import type { AnyOp, OpCase } from "../op.ts";
import { dataOf, make } from "../ops/support/host.ts";
import { evaluate } from "../reference/evaluate.ts";
import { fork, uniform } from "../rng.ts";
import { gradientMissing } from "../errors.ts";

/** One op's case whose types are forgotten, as a suite over many ops holds it. */
export type AnyCase = OpCase<string, string, Readonly<Record<string, unknown>>>;

export interface GradientMismatch {
  readonly input: string;
  readonly element: number;
  readonly expected: number;
  readonly found: number;
}

export interface GradientCheck {
  readonly mismatches: readonly GradientMismatch[];
  /** Input elements that were compared; 0 when the case opts out of all inputs. */
  readonly compared: number;
  /** Outputs the op can be differentiated by. */
  readonly outputs: readonly string[];
}

/** Largest |found − expected| ÷ max(1, |expected|): a five-point difference with steps of 10⁻³ is good to about 10⁻¹¹. */
const TOLERANCE = 1e-8;
const STEP = 1e-3;

/**
 * Compares an op's gradient with finite differences of Σ seed·output, for each output alone and all together.
 *
 * Throws `tensor-core/gradient-missing` when the op has none, or none by any of its outputs.
 */
export function checkGradients(op: AnyOp, one: AnyCase): GradientCheck {
  if (op.gradient === undefined) throw gradientMissing({ op: op.name, why: "the op declares none" });
  const inputs = widened(one.inputs);
  const checked = one.checkGradient ?? Object.keys(inputs).filter((name) => inputs[name]!.dtype === "f64");
  if (checked.length === 0) return { mismatches: [], compared: 0, outputs: [] };
  const outputs = op.reference(inputs, one.attrs);
  const floating = op.outputs.filter((name: string) => outputs[name]!.dtype === "f64");
  const seeds = Object.fromEntries(floating.map((name: string) => [name, seedFor(op.name, name, outputs[name]!)]));
  const possible = floating.filter((name: string) => traced(op, one, inputs, { [name]: seeds[name]! }) !== undefined);
  if (possible.length === 0) throw gradientMissing({ op: op.name, why: "none of its outputs can be differentiated by" });
  const groups: string[][] = [...possible.map((name: string) => [name]), ...(possible.length > 1 ? [possible] : [])];
  const mismatches: GradientMismatch[] = [];
  let compared = 0;
  for (const group of groups) {
    const chosen = Object.fromEntries(group.map((name) => [name, seeds[name]!]));
    const gradients = traced(op, one, inputs, chosen)!;
    const loss = (changed: Readonly<Record<string, HostTensor>>): number => dot(op.reference(changed, one.attrs), chosen);
    for (const input of checked) {
      const expected = differences(inputs, input, loss);
      const found = gradients[input] === undefined ? new Float64Array(expected.length) : dataOf(gradients[input]);
      compared += expected.length;
      expected.forEach((value, element) => {
        const error = Math.abs(found[element]! - value) / Math.max(1, Math.abs(value));
        if (!(error <= TOLERANCE)) mismatches.push({ input, element, expected: value, found: found[element]! });
      });
    }
  }
  return { mismatches, compared, outputs: possible };
}

/** The op's gradient run on the host; undefined where it declares that it has none by these outputs. */
function traced(
  op: AnyOp,
  one: AnyCase,
  inputs: Readonly<Record<string, HostTensor>>,
  seeds: Readonly<Record<string, HostTensor>>,
): Readonly<Record<string, HostTensor>> | undefined {
  try {
    const graph = trace((t) => {
      const leaves = Object.fromEntries(Object.entries(inputs).map(([name, { dtype, shape }]) => [name, t.input(name, dtype, shape)]));
      const first = leaves[op.inputs[0]]!;
      const outputs: Record<string, Value> = first.node.builder.apply<string, string, string, unknown>(op, leaves, one.attrs);
      const grads = Object.fromEntries(Object.entries(seeds).map(([name, seed]) => [name, t.constant(seed)]));
      return definedOnly(op.gradient!(grads, leaves, outputs, one.attrs));
    });
    return evaluate(graph, inputs).outputs;
  } catch (error) {
    if (isPareError(error) && error.code === gradientMissing.code) return undefined;
    throw error;
  }
}

/** (L(x−2h) − 8L(x−h) + 8L(x+h) − L(x+2h)) / 12h for every element of one input; the error falls with h⁴. */
function differences(
  inputs: Readonly<Record<string, HostTensor>>,
  input: string,
  loss: (inputs: Readonly<Record<string, HostTensor>>) => number,
): Float64Array {
  const original = inputs[input]!;
  const data = Float64Array.from(dataOf(original));
  const changed = { ...inputs, [input]: { ...original, data } };
  return Float64Array.from(dataOf(original), (center, element) => {
    const h = STEP * Math.max(1, Math.abs(center));
    const at = (shift: number): number => {
      data[element] = center + shift * h;
      return loss(changed);
    };
    const slope = (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * h);
    data[element] = center;
    return slope;
  });
}

function dot(outputs: Readonly<Record<string, HostTensor>>, seeds: Readonly<Record<string, HostTensor>>): number {
  let total = 0;
  for (const [name, seed] of Object.entries(seeds)) {
    const data = dataOf(outputs[name]!);
    dataOf(seed).forEach((weight, i) => (total += weight * data[i]!));
  }
  return total;
}

function seedFor(op: string, output: string, { shape, data }: HostTensor): HostTensor {
  return { dtype: "f64", shape, data: Float64Array.from(uniform(fork(1, `${op} ${output}`), 0, data.length), (x) => 2 * x - 1) };
}

/** Inputs with f32 as f64, so that references compute in f64 throughout. */
function widened(inputs: AnyCase["inputs"]): Record<string, HostTensor> {
  const given = Object.entries(inputs).filter((entry): entry is [string, HostTensor] => entry[1] !== undefined);
  return Object.fromEntries(given.map(([name, tensor]) => [name, tensor.dtype === "f32" ? asFloat64(tensor) : tensor]));
}

function asFloat64(tensor: HostTensor): HostTensor {
  const wide = make("f64", tensor.shape);
  wide.data.set(dataOf(tensor));
  return wide;
}

function definedOnly(record: Readonly<Partial<Record<string, Value>>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter((entry): entry is [string, Value] => entry[1] !== undefined));
}
