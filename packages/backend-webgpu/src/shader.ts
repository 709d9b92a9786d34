/** A call as WGSL: bindings, accessors of its tensors, its numbers, and `main` around its body. */
import type { DType } from "@pare/tensor-core";
import type { Call, Features, WebgpuTensor } from "./types.ts";

/** A buffer of the call, bound whole. */
export interface Binding {
  readonly memory: object;
  /** One tensor in it is written, so the whole buffer is bound for writing: WebGPU lets no buffer be bound twice then. */
  readonly written: boolean;
}

export interface Shader {
  readonly code: string;
  readonly bindings: readonly Binding[];
  /** The bytes of its uniform struct. */
  readonly numbers: Uint8Array<ArrayBuffer>;
}

/** Workgroups of a row of the grid: a power of two, so that few are idle in the last row. */
export function gridOf(groups: number, most: number): readonly [number, number] {
  return groups <= most ? [groups, 1] : [32768, Math.ceil(groups / 32768)];
}

export function shaderOf(call: Call, features: Features): Shader {
  const tensors = [...Object.entries(call.reads), ...Object.entries(call.writes)].filter(
    (entry): entry is [string, WebgpuTensor] => entry[1] !== undefined,
  );
  const bindings = bindingsOf(call, tensors);
  const numbers: (readonly [string, "u32" | "f32", number])[] = [
    ...tensors.map(([name, { offset }]) => [`${name}_at`, "u32", offset / 4] as const),
    ...Object.entries({ groups: call.groups, ...call.sizes }).map(([name, value]) => [name, "u32", value] as const),
    ...Object.entries(call.scalars ?? {}).map(([name, value]) => [name, "f32", value] as const),
  ];
  const accessors = tensors.map(([name, tensor]) => {
    const binding = bindings.findIndex(({ memory }) => memory === tensor.memory);
    return accessorsOf(name, tensor.dtype, `b${binding}`, name in call.writes);
  });
  const code = [
    call.lanes > 1 && features.subgroups ? "enable subgroups;" : "",
    features.shaderF16 ? "enable f16;" : "",
    `struct Numbers { ${numbers.map(([name, type]) => `${name}: ${type}`).join(", ")} }`,
    "@group(0) @binding(0) var<uniform> p: Numbers;",
    ...bindings.map(
      ({ written }, index) => `@group(0) @binding(${index + 1}) var<storage, ${written ? "read_write" : "read"}> b${index}: array<u32>;`,
    ),
    ...accessors,
    call.declare ?? "",
    mainOf(call, features),
  ];
  return { code: code.filter((part) => part !== "").join("\n"), bindings, numbers: packed(numbers) };
}

function bindingsOf(call: Call, tensors: readonly (readonly [string, WebgpuTensor])[]): Binding[] {
  const written = new Map<object, boolean>();
  for (const [name, { memory }] of tensors) written.set(memory, written.get(memory) === true || name in call.writes);
  return [...written].map(([memory, written]) => ({ memory, written }));
}

/** Elements by index; u8 as u32, four to a word, and written only by kernels that own whole words. */
function accessorsOf(name: string, dtype: DType, buffer: string, written: boolean): string {
  const word = `${buffer}[p.${name}_at + i]`;
  if (dtype === "u8") {
    const byte = `(${buffer}[p.${name}_at + (i >> 2u)] >> (8u * (i & 3u))) & 255u`;
    return `fn read_${name}(i: u32) -> u32 { return ${byte}; }\nfn word_${name}(i: u32) -> u32 { return ${word}; }${written ? `\nfn write_word_${name}(i: u32, word: u32) { ${word} = word; }` : ""}`;
  }
  const type = dtype === "i32" ? "i32" : "f32";
  const read = `fn read_${name}(i: u32) -> ${type} { return bitcast<${type}>(${word}); }\nfn word_${name}(i: u32) -> u32 { return ${word}; }`;
  if (!written) return read;
  return `${read}\nfn write_${name}(i: u32, value: ${type}) { ${word} = bitcast<u32>(value); }\nfn write_word_${name}(i: u32, word: u32) { ${word} = word; }`;
}

function mainOf({ body, lanes, declare = "" }: Call, { subgroups }: Features): string {
  const uses = subgroups && declare.includes("subgroup_of");
  const builtins = [
    "@builtin(local_invocation_index) lane: u32",
    "@builtin(workgroup_id) place: vec3<u32>",
    "@builtin(num_workgroups) grid: vec3<u32>",
    ...(uses
      ? [
          "@builtin(subgroup_id) own_subgroup: u32",
          "@builtin(num_subgroups) all_subgroups: u32",
          "@builtin(subgroup_invocation_id) place_in_subgroup: u32",
        ]
      : []),
  ];
  return `@compute @workgroup_size(${lanes})
fn main(${builtins.join(", ")}) {
  ${uses ? "subgroup_of = own_subgroup; subgroups_here = all_subgroups; lane_of_subgroup = place_in_subgroup;" : ""}
  let group = place.x + place.y * grid.x;
  if (group >= p.groups) { return; }
  ${body}
}`;
}

function packed(numbers: readonly (readonly [string, "u32" | "f32", number])[]): Uint8Array<ArrayBuffer> {
  const bytes = new ArrayBuffer(Math.ceil(numbers.length / 4) * 16);
  const view = new DataView(bytes);
  numbers.forEach(([, type, value], index) => {
    if (type === "f32") view.setFloat32(4 * index, value, true);
    else view.setUint32(4 * index, value >>> 0, true);
  });
  return new Uint8Array(bytes);
}
