import { resolveObjectURL } from "node:buffer";
import { spawnSync } from "node:child_process";
import { Worker as Thread } from "node:worker_threads";
import {
  absOp,
  adamw,
  adamwHyper,
  adamwStates,
  compile,
  createStore,
  f32,
  gradients,
  i32,
  sizeOf,
  trace,
  uniform,
} from "@pare/tensor-core";
import {
  crossEntropy,
  attention,
  gelu,
  layerNorm,
  linear,
  mean,
  reshape,
  rows,
  type Graph,
  type Prepared,
  type Value,
} from "@pare/tensor-core";
import { conformance } from "@pare/tensor-core/testing";
import { afterAll, describe, expect, it, test, vi } from "vitest";
import { openDividing } from "../src/device.ts";
import { implement, openWasm, UNSUPPORTED, type WasmDevice } from "../src/index.ts";
import { packOf } from "./pack.ts";

const [BATCH, TOKENS, WIDTH, WORDS] = [4, 24, 64, 96];
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  embedding: [WORDS, WIDTH],
  scale: [WIDTH],
  shift: [WIDTH],
  qkv: [WIDTH, WIDTH],
  up: [4 * WIDTH, WIDTH],
  bias: [4 * WIDTH],
  down: [WIDTH, 4 * WIDTH],
};

/** One attention block with a tied head and AdamW: sums over tokens, rows and heads in every gradient. */
const step: Graph = trace((tracer) => {
  const p = Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, tracer.state(name, "f32", shape)]));
  const of = (name: string): Value => p[name]!;
  const x = rows(of("embedding"), tracer.input("ids", "i32", [BATCH, TOKENS]));
  const h = layerNorm(x, of("scale"), of("shift"), 1e-5);
  const q = reshape(linear(h, of("qkv")), [BATCH, TOKENS, 4, WIDTH / 4]);
  const mixed = reshape(attention(q, q, q, { scale: 0.25, causal: true, keyValueHeads: [0, 1, 2, 3] }), [BATCH, TOKENS, WIDTH]);
  const y = linear(gelu(linear(mixed, of("up"), of("bias"))), of("down"));
  const logits = linear(reshape(y, [BATCH * TOKENS, WIDTH]), of("embedding"));
  const loss = mean(crossEntropy(logits, tracer.input("targets", "i32", [BATCH * TOKENS])));
  const names = Object.keys(p);
  const found = gradients(loss, Object.values(p));
  const hyper = tracer.input("hyper", "f32", [8]);
  adamw({ tracer, parameters: p, gradients: Object.fromEntries(names.map((name, i) => [name, found[i]!])), hyper: () => hyper });
  return { loss };
});

/** All weights after 50 steps. */
async function train(device: WasmDevice): Promise<Uint8Array> {
  const store = createStore(device);
  Object.entries(SHAPES).forEach(([name, shape], stream) => {
    store.setState(
      name,
      f32(
        shape,
        uniform(3, stream, sizeOf(shape)).map((value) => (value - 0.5) / 4),
      ),
    );
    for (const state of Object.values(adamwStates(name))) store.createState(state, "f32", shape);
  });
  const compiled = compile(step, { store });
  for (let i = 1; i <= 50; i++) {
    const ids = Array.from({ length: BATCH * TOKENS }, (_, at) => (at * 31 + i * 7) % WORDS);
    const inputs = { ids: i32([BATCH, TOKENS], ids), targets: i32([BATCH * TOKENS], ids.toReversed()) };
    await compiled.run({ ...inputs, hyper: adamwHyper({ learningRate: 1e-2, step: i }) });
  }
  const states = await Promise.all(Object.keys(SHAPES).map((name) => store.readState(name)));
  compiled.dispose();
  return Uint8Array.from(states.flatMap(({ data }) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]));
}

describe("two threads that share every call", () => {
  const opened: WasmDevice[] = [];
  const device = async (): Promise<WasmDevice> => (opened[0] ??= await openDividing({ threads: 2 }, 1));
  afterAll(() => Promise.all(opened.map((one) => one.close())));
  conformance({ device, skip: UNSUPPORTED, test });
});

describe("threads", () => {
  it.each([true, false])("train to the same bytes whatever their number, portable %s", async (portable) => {
    const results: Uint8Array[] = [];
    for (const threads of [1, 2, 3]) {
      const device = await openDividing({ threads, portable }, 1);
      expect(device.threads).toBe(threads);
      results.push(await train(device));
      await device.close();
    }
    expect(results[0]!.some((byte) => byte !== 0)).toBe(true);
    for (const other of results.slice(1)) expect(Buffer.compare(results[0]!, other)).toBe(0);
  });

  it("give each thread scratch of its own, and say when a kernel failed on one of them", async () => {
    const taken = new Set<number>();
    let address = 0;
    const kernel = implement(absOp, (encoder, { x }, { y }) =>
      encoder.divide({ size: x.size, grain: 8, nanoseconds: 1e9 }, (begin, end) => {
        taken.add(encoder.scratch(64));
        encoder.call("f32_abs", x.address + 4 * begin, address + y.address + 4 * begin, end - begin);
      }),
    );
    const device = await openWasm({ threads: 3, packs: [packOf("test", [kernel])] });
    const buffer = device.allocate(512);
    device.write(buffer, new Float32Array(64).fill(-2));
    const tensor = { dtype: "f32", shape: [64], buffer, constant: false } as const;
    const prepare = (): Prepared =>
      device.prepare([{ op: absOp, attrs: {}, inputs: { x: { ...tensor, offset: 0 } }, outputs: { y: { ...tensor, offset: 256 } } }]);
    const right = prepare();
    expect(taken.size).toBe(3);
    address = 2 ** 31;
    const wrong = prepare();
    expect(() => wrong.run()).toThrow(/thread-failed/);
    await right.run();
    expect(new Float32Array((await device.read(buffer, 256, 256)).buffer)).toEqual(new Float32Array(64).fill(2));
    await device.close();
  });

  it("are Web Workers where there is no Node", async () => {
    // A browser's Worker over a thread of Node: the blob's text after what gives it `self`.
    class WebWorker extends EventTarget {
      private readonly started: Promise<Thread>;

      constructor(url: string, options: { type: string }) {
        super();
        expect(options.type).toBe("module");
        this.started = this.start(url);
      }

      private async start(url: string): Promise<Thread> {
        const text = await resolveObjectURL(url)!.text();
        const self = `import { parentPort } from "node:worker_threads"; globalThis.self = { postMessage: (data) => parentPort.postMessage(data) };
          parentPort.on("message", (data) => self.onmessage({ data }));`;
        const thread = new Thread(new URL(`data:text/javascript,${encodeURIComponent(self + text)}`), { execArgv: [] });
        thread.on("message", (data) => this.dispatchEvent(new MessageEvent("message", { data })));
        thread.on("error", (error) => this.dispatchEvent(Object.assign(new Event("error"), { message: error.message })));
        return thread;
      }

      async postMessage(data: unknown): Promise<void> {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
        (await this.started).postMessage(data);
      }

      async terminate(): Promise<void> {
        await (await this.started).terminate();
      }
    }
    const hidden = vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined as never);
    vi.stubGlobal("Worker", WebWorker);
    const device = await openDividing({ threads: 2, onWarning: expect.unreachable }, 1);
    vi.unstubAllGlobals();
    hidden.mockRestore();
    expect(device.threads).toBe(2);
    const alone = await openWasm();
    expect(Buffer.compare(await train(device), await train(alone))).toBe(0);
    await device.close();
  });

  it("are one with a warning where memory cannot be shared", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    const warnings: string[] = [];
    const device = await openWasm({ threads: 2, onWarning: (message) => warnings.push(message) });
    vi.unstubAllGlobals();
    expect(device.threads).toBe(1);
    expect(warnings).toEqual([expect.stringMatching(/1 thread instead of 2.*cross-origin isolated/)]);
  });

  it.skipIf(!process.features.typescript)("end with a process that forgot to close its device", () => {
    const index = new URL("../src/index.ts", import.meta.url).href;
    const text = `import { openWasm } from "${index}"; console.log((await openWasm({ threads: 3 })).threads);`;
    const { stdout, status } = spawnSync(process.execPath, ["--conditions=@pare/source", "--input-type=module", "--eval", text], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect([stdout.trim(), status]).toEqual(["3", 0]);
  });

  it.each([0, 1.5, -1, 65])("refuses %s of them", async (threads) => {
    await expect(openWasm({ threads })).rejects.toThrow(/threads-invalid/);
  });
});
