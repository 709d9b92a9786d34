/** Turns program steps into calls of kernels. */
import { refuseWideTypes, sizeOf, type Kernel, type PlannedTensor, type ProgramStep } from "@pare/tensor-core";
import { dtypeUnsupported } from "./errors.ts";
import { finish } from "./kernels/epilogue.ts";
import { roundUp } from "./memory.ts";
import { SCRATCH, TABLE, type Encoded } from "./program.ts";
import type { Call, Features, WebgpuEncoder, WebgpuTensor, WebgpuTypes } from "./types.ts";

const ALIGNMENT = 64;

export function encodeSteps(steps: readonly ProgramStep[], kernels: ReadonlyMap<string, Kernel<WebgpuTypes>>, features: Features): Encoded {
  const parts: (Call[] | ProgramStep)[] = [];
  const table: number[] = [];
  let [scratchBytes, taken] = [0, 0];
  const encoder: WebgpuEncoder = {
    features,
    finish,
    call: (call) => {
      const last = parts.at(-1);
      if (Array.isArray(last)) last.push(call);
      else parts.push([call]);
    },
    scratch: (dtype, size) => {
      const tensor = { memory: SCRATCH, offset: taken, shape: [size], dtype, size, constant: false };
      taken += roundUp(4 * size, ALIGNMENT);
      scratchBytes = Math.max(scratchBytes, taken);
      return tensor;
    },
    table: (values) => {
      const tensor: WebgpuTensor = {
        memory: TABLE,
        offset: 4 * table.length,
        shape: [values.length],
        dtype: "i32",
        size: values.length,
        constant: true,
      };
      for (let i = 0; i < roundUp(values.length, ALIGNMENT / 4); i++) table.push((values[i] ?? 0) | 0);
      return tensor;
    },
  };
  for (const step of steps) {
    const kernel = kernels.get(step.op.name);
    taken = 0;
    if (kernel === undefined) parts.push(step);
    else {
      refuseWideTypes(step, dtypeUnsupported);
      const outputs = Object.fromEntries(Object.entries(step.outputs).map(([name, planned]) => [name, tensorOf(planned)]));
      const inputs = Object.fromEntries(Object.entries(step.inputs).map(([name, planned]) => [name, planned && tensorOf(planned)]));
      kernel.encode(encoder, inputs, outputs, step.attrs);
    }
  }
  return { parts, scratchBytes, table: Int32Array.from(table) };
}

function tensorOf({ buffer, offset, shape, dtype, constant }: PlannedTensor): WebgpuTensor {
  return { memory: buffer.handle as object, offset, shape, dtype, size: sizeOf(shape), constant };
}
