/** onnxruntime-node, where the interop project is installed. */
import { createRequire } from "node:module";
import type { HostTensor } from "../../packages/tensor-core/src/index.ts";

interface OrtTensor {
  readonly type: string;
  readonly data: ArrayLike<number> & { readonly buffer: ArrayBufferLike };
  readonly dims: readonly number[];
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}
export interface Ort {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(model: Uint8Array | string, options?: object): Promise<OrtSession> };
}

/** undefined where it is not installed; says so aloud. */
export function loadOrt(): Ort | undefined {
  try {
    return createRequire(new URL("../package.json", import.meta.url))("onnxruntime-node") as Ort;
  } catch (error) {
    console.warn(`skipped: onnxruntime-node does not load (${(error as Error).message.split("\n")[0]}).`);
    console.warn("install it with: npx -y pnpm@12.21.0 --dir interop install --frozen-lockfile");
    return undefined;
  }
}

const TYPES: Readonly<Record<string, string>> = { f32: "float32", i32: "int32", i64: "int64", u8: "uint8" };

export function toOrt(ort: Ort, { dtype, shape, data }: HostTensor): OrtTensor {
  return new ort.Tensor(TYPES[dtype]!, data, shape);
}

export interface RunOptions {
  readonly session?: object | undefined;
}

/** One run of a model; outputs by name. */
export async function runOrt(
  ort: Ort,
  model: Uint8Array | string,
  feeds: Readonly<Record<string, HostTensor>>,
  { session: options }: RunOptions = {},
): Promise<Record<string, OrtTensor>> {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3, ...options });
  try {
    const given = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
    return await session.run(Object.fromEntries(given.map(([name, tensor]) => [name, toOrt(ort, tensor)])));
  } finally {
    await session.release();
  }
}
