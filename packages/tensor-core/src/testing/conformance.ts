/** The suite every backend runs whole: each op's cases against its reference, and the device's own promises. */
import { nearNames } from "@pare/core";
import type { Device } from "../device.ts";
import { conformanceFailed, optOutInvalid } from "../errors.ts";
import type { HostTensor } from "../host.ts";
import { OPS } from "../ops/index.ts";
import type { AnyOp } from "../op.ts";
import type { AnyCase } from "./check-gradients.ts";
import { worstDifference } from "./compare.ts";
import { deviceTests } from "./device-tests.ts";
import { checkFollowing } from "./following.ts";
import { runCase, type RunSettings } from "./run-case.ts";

export interface ConformanceOptions {
  /** Opened once, closed by the last test. */
  readonly device: () => Promise<Device>;
  /** Default: every op of tensor-core. A pack adds its own. */
  readonly ops?: readonly AnyOp[] | undefined;
  /** What the device leaves out: op, or `op: case`, → why. */
  readonly skip?: Readonly<Record<string, string>> | undefined;
}

export interface ConformanceTest {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** Hands every test to a runner: `conformance({ device, test })` inside a Vitest file. */
export function conformance(options: ConformanceOptions & { readonly test: (name: string, body: () => Promise<void>) => void }): void {
  for (const { name, run } of conformanceTests(options)) options.test(name, run);
}

/**
 * The tests, to be run in order. Each throws `tensor-core/conformance-failed`.
 *
 * Throws `tensor-core/opt-out-invalid` for an opt-out that names no op or case, or gives no reason.
 */
export function conformanceTests({ device, ops = OPS, skip = {} }: ConformanceOptions): ConformanceTest[] {
  const kernels = ops.filter(({ view }) => view !== true);
  const all = kernels.map((op) => ({ op, cases: [...op.cases()] as AnyCase[] }));
  refuseOptOuts(
    skip,
    all.flatMap(({ op, cases }) => [op.name, ...cases.map((one) => `${op.name}: ${one.name}`)]),
  );
  let opened: Promise<Device> | undefined;
  const open = (): Promise<Device> => (opened ??= device());
  const tests: ConformanceTest[] = deviceTests().map(({ name, run }) => ({ name, run: async () => run(await open()) }));
  for (const { op, cases } of all) {
    if (op.name in skip) continue;
    tests.push({ name: `${op.name}: has a kernel`, run: async () => refuseFallback(await open(), op) });
    for (const one of cases) {
      const name = `${op.name}: ${one.name}`;
      if (name in skip) continue;
      tests.push({ name, run: async () => checkCase(await open(), op, one) });
      if (op.epilogue === true && one.inputs["residual"] !== undefined)
        tests.push({ name: `${name}, a norm after it`, run: async () => checkFollowing(await open(), op, one) });
    }
  }
  return [...tests, { name: "the device closes", run: async () => (await open()).close() }];
}

/** Runs one case in every way a planner may lay it out and compares with the reference; repeated runs must give the same bytes. */
export async function checkCase(device: Device, op: AnyOp, one: AnyCase): Promise<void> {
  refuseFallback(device, op);
  const expected = op.reference(one.inputs, one.attrs);
  for (const [layout, settings] of layouts(op, one, expected)) {
    const fail = (what: string): never => {
      throw conformanceFailed({
        device: `${device.backend} (${device.variant})`,
        test: `${op.name}: ${one.name}`,
        what: `${layout}: ${what}`,
      });
    };
    const { outputs, trespasses } = await runCase(device, op, one, settings);
    if (trespasses.length > 0) fail(`the kernel wrote into ${trespasses.join(", ")}`);
    for (const name of op.outputs as readonly string[]) {
      const worst = worstDifference(expected[name]!, outputs[0]![name]!, one.tolerance);
      if (worst !== undefined)
        fail(`${name}[${worst.element}] is ${worst.found}, not ${worst.expected}; ${one.tolerance} is allowed (${one.why})`);
      const changed = outputs.findIndex((run) => !sameBytes(run[name]!, outputs[0]![name]!));
      if (changed > 0) fail(`${name} has other bytes in run ${changed + 1} than in run 1`);
    }
  }
}

/** Apart; with constant inputs, which kernels may repack; and over each input that the op says it may overwrite. */
function layouts(op: AnyOp, one: AnyCase, expected: Readonly<Record<string, HostTensor>>): [string, RunSettings][] {
  const ways: [string, RunSettings][] = [["apart", { runs: 2 }]];
  if (op.updates === undefined) ways.push(["constant inputs", { runs: 2, constant: true }]);
  const output = expected[op.outputs[0]!]!;
  for (const name of (op.inPlace ?? []) as readonly string[]) {
    const input = one.inputs[name]!;
    if (input.data.byteLength === output.data.byteLength) ways.push([`in place of ${name}`, { runs: 2, over: name }]);
  }
  return ways;
}

function refuseFallback(device: Device, op: AnyOp): void {
  if (device.supports(op.name)) return;
  throw conformanceFailed({
    device: `${device.backend} (${device.variant})`,
    test: op.name,
    what: "the op has no kernel here and would run on its reference",
  });
}

function refuseOptOuts(skip: Readonly<Record<string, string>>, known: readonly string[]): void {
  for (const [name, reason] of Object.entries(skip)) {
    if (!known.includes(name)) throw optOutInvalid({ name, why: "there is no such op or case", near: nearNames(name, known) });
    if (reason.trim() === "") throw optOutInvalid({ name, why: "it gives no reason", near: [] });
  }
}

function sameBytes(a: HostTensor, b: HostTensor): boolean {
  const [left, right] = [a, b].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) as [Uint8Array, Uint8Array];
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}
