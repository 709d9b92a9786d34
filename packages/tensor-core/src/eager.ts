/** Single ops called directly: each is a graph of one node, compiled once per op, types and attributes. */
import type { Device } from "./device.ts";
import type { HostTensor } from "./host.ts";
import type { Given, Op } from "./op.ts";
import { attrsKey, type Value } from "./graph.ts";
import { compile, type Compiled } from "./compile.ts";
import { createStore } from "./store.ts";
import { trace } from "./trace.ts";

export interface Eager {
  /** Ops that update State take and give plain tensors here. */
  readonly call: <In extends string, Opt extends string, Out extends string, Attrs>(
    op: Op<string, In, Opt, Out, Attrs>,
    inputs: Given<In, Opt, HostTensor>,
    attrs: Attrs,
  ) => Promise<Record<Out, HostTensor>>;
  readonly dispose: () => Promise<void>;
}

/** @param onFallback as for `compile`: absent, an op without a kernel throws. */
export function eager(device: Device, onFallback?: (op: string) => void): Eager {
  const store = createStore(device);
  const cache = new Map<string, Compiled>();
  return {
    call: async (op, inputs, attrs) => {
      const given = Object.fromEntries(
        Object.entries(inputs as Record<string, HostTensor | undefined>).filter(
          (entry): entry is [string, HostTensor] => entry[1] !== undefined,
        ),
      );
      const types = Object.entries(given).map(([name, { dtype, shape }]) => `${name}:${dtype}[${shape.join()}]`);
      const key = `${op.name}(${types.join()})${attrsKey(attrs)}`;
      const updated = new Set<string>(Object.values(op.updates ?? {}));
      for (const name of updated) store.setState(stateName(op.name, name), given[name]!);
      let compiled = cache.get(key);
      if (compiled === undefined) {
        compiled = compile(
          trace((t) => {
            const values: Record<string, Value> = {};
            for (const [name, { dtype, shape }] of Object.entries(given))
              values[name] = updated.has(name) ? t.state(stateName(op.name, name), dtype, shape) : t.input(name, dtype, shape);
            const outputs = Object.values(values)[0]!.node.builder.apply(op, values as never, attrs);
            for (const [output, input] of Object.entries(op.updates ?? {}))
              t.assign(values[input as string]!, outputs[output as keyof typeof outputs]);
            return outputs;
          }),
          { store, onFallback },
        );
        cache.set(key, compiled);
      }
      return (await compiled.run(given)) as Record<keyof typeof op.outputs & string, HostTensor> as never;
    },
    dispose: () => store.dispose(),
  };
}

function stateName(op: string, input: string): string {
  return `${op}/${input}`;
}
