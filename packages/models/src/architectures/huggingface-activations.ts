/** Names of activations in config.json. */
import { z } from "zod";
import type { ActivationName } from "./style.ts";

export type TransformersActivation = "gelu" | "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "relu" | "silu" | "swish";

const NAMES: Readonly<Record<TransformersActivation, ActivationName>> = {
  gelu: "gelu",
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

export const transformersActivation: z.ZodType<TransformersActivation> = z.enum(Object.keys(NAMES) as [TransformersActivation]);

export function fromTransformers(name: TransformersActivation): ActivationName {
  return NAMES[name];
}

/** The library's first name for it. */
export function toTransformers(activation: ActivationName): string {
  return Object.entries(NAMES).find(([, own]) => own === activation)![0];
}
