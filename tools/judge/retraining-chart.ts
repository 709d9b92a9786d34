/** The curves of the retraining judge as a Vega-Lite chart. */

export interface Point {
  /** Optimizer steps so far. */
  readonly steps: number;
  /** Share of the weights that is gone. */
  readonly sparsity: number;
  readonly nll: number;
}

export interface Curve {
  readonly name: string;
  /** NLL that has to be undercut. */
  readonly below: number;
  readonly curve: readonly Point[];
}

/** @param whole NLL of the model with all of its weights. */
export function retrainingChart(rows: readonly Curve[], whole: number): object {
  const values = rows.flatMap(({ name, curve }) => [
    { name, steps: 0, nll: whole },
    ...curve.map(({ steps, nll }) => ({ name, steps, nll })),
  ]);
  const targets = rows.map(({ name, below }) => ({ name, below }));
  const x = { field: "steps", type: "quantitative", title: "optimizer steps of distillation" };
  const scale = { zero: false };
  const color = { field: "name", type: "nominal", title: null };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: "stories260K without half of its weights", subtitle: "pruned in the first 500 steps; dashed: the bound to undercut" },
    width: 480,
    height: 280,
    layer: [
      {
        data: { values },
        mark: { type: "line", point: true },
        encoding: { x, color, y: { field: "nll", type: "quantitative", title: "NLL, nats per token", scale } },
      },
      {
        data: { values: targets },
        mark: { type: "rule", strokeDash: [6, 4] },
        encoding: { color, y: { field: "below", type: "quantitative", scale } },
      },
    ],
  };
}
