import type { AnyPlugin } from "@pare/core";
import { ggufFormat, llama2cFormat, safetensorsFormat } from "@pare/formats";
import { affineStorage, denseStorage } from "@pare/tensor-core";
import { bert } from "./architectures/bert/bert.ts";
import { encoderDecoder } from "./architectures/encoder-decoder.ts";
import { gpt2 } from "./architectures/gpt2.ts";
import { llama } from "./architectures/llama.ts";
import { t5 } from "./architectures/t5.ts";
import { xlnet } from "./architectures/xlnet/xlnet.ts";
import { checkpointArtifact } from "./artifact.ts";

/** What it takes to load the models of this package: its architectures, the plain storages and formats, checkpoints as artifacts. */
export const builtIn: readonly AnyPlugin[] = [
  llama,
  encoderDecoder,
  bert,
  gpt2,
  t5,
  xlnet,
  denseStorage,
  affineStorage,
  safetensorsFormat,
  llama2cFormat,
  ggufFormat,
  checkpointArtifact,
];
