import {
  bert,
  bertConfig,
  encoderDecoder,
  encoderDecoderConfig,
  gpt2,
  gpt2Config,
  llama,
  llamaConfig,
  t5,
  t5Config,
  xlnet,
  xlnetConfig,
  type Architecture,
  type ModelConfig,
} from "@pare/models";
import { toyModel, toyArchitecture } from "@pare/training/testing";
import { describe, expect, it } from "vitest";
import { cutsFor, dependenciesOf } from "./dependencies.ts";
import { closed, fused, fusedModel } from "../test/fused.ts";

/** Weights and axes that are cut where only index 0 of a site's axis stays. */
function groupOf(architecture: Architecture, config: ModelConfig, site: string, axis: number): string[] {
  const dependencies = dependenciesOf(architecture, config, [site]);
  return dependencies.cuts(new Map([[dependencies.axis(site, axis), [0]]])).map(({ weight, axis: at }) => `${weight} ${at}`);
}

const shape = { vocabularySize: 30, contextLength: 16, hiddenSize: 8, layers: 2, heads: 2, feedForward: 12 };

describe("dependency groups", () => {
  it("hold a head's rows and columns, and those of a key/value head with its last reader", () => {
    const config = llamaConfig({ ...shape, heads: 4, keyValueHeads: 2 });
    const dependencies = dependenciesOf(llama.define, config, ["layers.1.attention.heads"]);
    const heads = dependencies.axis("layers.1.attention.heads", 2);
    expect(heads.size).toBe(4);
    expect(dependencies.cuts(new Map([[heads, [1, 2, 3]]]))).toEqual([
      { weight: "layers.1.attention.query", axis: 0, kept: [2, 3, 4, 5, 6, 7] },
      { weight: "layers.1.attention.output", axis: 1, kept: [2, 3, 4, 5, 6, 7] },
    ]);
    expect(dependencies.cuts(new Map([[heads, [2]]]))).toEqual([
      { weight: "layers.1.attention.key", axis: 0, kept: [2, 3] },
      { weight: "layers.1.attention.value", axis: 0, kept: [2, 3] },
      { weight: "layers.1.attention.query", axis: 0, kept: [4, 5] },
      { weight: "layers.1.attention.output", axis: 1, kept: [4, 5] },
    ]);
  });

  it("hold biases, and the neurons of both halves of a gate", () => {
    expect(groupOf(gpt2.define, gpt2Config(shape), "layers.0.feedForward.neurons", 2).sort()).toEqual([
      "layers.0.feedForward.down 1",
      "layers.0.feedForward.up 0",
      "layers.0.feedForward.up.bias 0",
    ]);
    expect(groupOf(llama.define, llamaConfig(shape), "layers.0.feedForward.neurons", 2).sort()).toEqual([
      "layers.0.feedForward.down 1",
      "layers.0.feedForward.gate 0",
      "layers.0.feedForward.up 0",
    ]);
  });

  it("hold what relative positions and segments add to a head's scores", () => {
    const config = xlnetConfig({ ...shape, memoryLength: 4, head: { task: "permuted-token", tied: true } });
    const dependencies = dependenciesOf(xlnet.define, config, ["layers.1.attention.heads"]);
    const cuts = dependencies.cuts(new Map([[dependencies.axis("layers.1.attention.heads", 2), [1]]]));
    const own = xlnet.define
      .weights(config)
      .flatMap(({ name, shape: of }) =>
        /^layers\.1\.attention\.(?!norm)/.test(name) && (name.endsWith("output") ? of[1] : of[0]) === 8 ? [name] : [],
      );
    expect(cuts.map(({ weight }) => weight).sort()).toEqual(own.sort());
    const smaller = xlnet.define.withHeads(config, { "layers.1.attention.heads": [1] });
    const weights = new Map(xlnet.define.weights(config).map(({ name, shape: of }) => [name, { shape: of }]));
    expect(cutsFor({ weights } as never, xlnet.define, smaller, cuts)).toHaveLength(own.length);
  });

  it("follow the hidden width through residual stream, norms, positions, heads of tasks and tied embeddings", () => {
    const models: readonly (readonly [Architecture, ModelConfig, number?])[] = [
      [llama.define, llamaConfig({ ...shape, headNorms: true, biases: ["query"] })],
      [llama.define, llamaConfig({ ...shape, tied: false })],
      [gpt2.define, gpt2Config(shape)],
      [bert.define, bertConfig({ ...shape, head: { task: "masked-token", activation: "gelu", tied: true } })],
      [bert.define, bertConfig({ ...shape, head: { task: "masked-token", activation: "gelu", tied: false } }), 2],
      [
        bert.define,
        bertConfig({
          ...shape,
          tokenTypes: 1,
          head: { task: "sequence-classification", labels: ["a", "b"], kind: "single", activation: "tanh" },
        }),
        2,
      ],
      [t5.define, t5Config(shape)],
      [encoderDecoder.define, encoderDecoderConfig({ ...shape, encoderLayers: 2, decoderLayers: 1 })],
      [toyArchitecture.define, toyModel().config],
    ];
    for (const [architecture, config, own = 1] of models) {
      const { site, size } = architecture.hidden!(config);
      const dependencies = dependenciesOf(architecture, config, [site]);
      const smaller = architecture.withHidden!(config, size - 3);
      const axes = dependencies.resized(smaller);
      expect(axes).toContain(dependencies.axis(site, 2));
      // A classifier's hidden layer is as wide, but its neurons are its own; so are those that a masked token's untied matrix reads.
      expect(axes, config.architecture).toHaveLength(own);
      const kept = Array.from({ length: size - 3 }, (_, index) => index + 1);
      const cuts = dependencies.cuts(new Map(axes.map((axis) => [axis, kept])));
      const weights = new Map(architecture.weights(config).map(({ name, shape: of }) => [name, { shape: of }]));
      expect(cutsFor({ weights } as never, architecture, smaller, cuts)).toHaveLength(cuts.length);
    }
  });

  it("leave a table that all layers' heads read to the architecture", () => {
    const config = t5Config({ ...shape, layers: 1 });
    const dependencies = dependenciesOf(t5.define, config, ["encoder.0.attention.heads"]);
    const cuts = dependencies.cuts(new Map([[dependencies.axis("encoder.0.attention.heads", 2), [1]]]));
    expect(cuts.map(({ weight }) => weight)).toContain("encoder.distances");
    const smaller = t5.define.withHeads(config, { "encoder.0.attention.heads": [1] });
    const weights = new Map(t5.define.weights(config).map(({ name, shape: of }) => [name, { shape: of }]));
    const asked = cutsFor({ weights } as never, t5.define, smaller, cuts);
    expect(asked.map(({ weight }) => weight)).not.toContain("encoder.distances");
    expect(asked).toHaveLength(cuts.length - 1);
  });

  it("go through fused matrices that are sliced and joined", () => {
    const { config } = fusedModel();
    const dependencies = dependenciesOf(fused.define, config, ["0.heads", "0.neurons"]);
    expect(dependencies.cuts(new Map([[dependencies.axis("0.heads", 2), [1]]]))).toEqual([
      { weight: "0.qkv", axis: 0, kept: [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23] },
      { weight: "0.mix", axis: 1, kept: [4, 5, 6, 7, 8, 9, 10, 11, 12, 13] },
    ]);
    expect(dependencies.cuts(new Map([[dependencies.axis("0.neurons", 2), [0, 5]]]))).toEqual([
      { weight: "0.up", axis: 0, kept: [0, 5, 6, 11] },
      { weight: "0.mix", axis: 1, kept: [0, 1, 2, 3, 4, 5, 6, 7, 8, 13] },
    ]);
  });

  it("end at an op that says nothing of its axes, at one that needs all, and where a config disagrees", () => {
    const { config } = fusedModel();
    const dependencies = dependenciesOf(closed.define, config, ["0.heads", "0.neurons", "0.query"]);
    expect(dependencies.axis("0.heads", 2).size).toBe(2);
    expect(() => dependencies.axis("0.neurons", 2)).toThrow(/the op mystery does not say/);
    expect(() => dependencies.axis("0.query", 3)).toThrow(/rope needs all of it/);
    expect(() => dependencies.resized(fused.define.withHeads(config, { "0.heads": [0] }))).toThrow(/made of/);
    const cuts = dependencies.cuts(new Map([[dependencies.axis("0.heads", 2), [1]]]));
    expect(() => cutsFor(fusedModel(), fused.define, config, cuts.slice(0, 1))).not.toThrow();
    const wrong = fused.define.withNeurons(config, { "0.neurons": 3 });
    expect(() => cutsFor(fusedModel(), fused.define, wrong, cuts)).toThrow(expect.objectContaining({ code: "prune/config-disagrees" }));
  });
});
