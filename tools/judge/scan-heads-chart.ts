/** What the judge of the SCAN teacher's heads measures, as a Vega-Lite chart. */

/** Heads of the teacher. */
export const HEADS = 24;

/** In which heads go. */
export const ORDERS = ["michel", "rescored", "random"] as const;
export type Order = (typeof ORDERS)[number];
export const NAMES: Readonly<Record<Order, string>> = {
  michel: "by importance, scored once",
  rescored: "by importance, scored anew",
  random: "random",
};

export interface Point {
  readonly order: Order;
  readonly seed: number;
  readonly removed: number;
  readonly accuracy: number;
}

export interface Area {
  /** Accuracy × share of the heads, between the curve of an order and the random one. */
  readonly bySeed: readonly number[];
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** @param area of the order with scoring anew. */
export function headsChart(points: readonly Point[], { mean, low, high }: Area): object {
  const values = points.map((point) => ({ ...point, order: NAMES[point.order] }));
  const x = { field: "removed", type: "quantitative", title: `heads removed, of ${HEADS}` };
  const y = { field: "accuracy", type: "quantitative", title: "exact match on scan/simple", scale: { domain: [0, 1] } };
  const color = {
    field: "order",
    type: "nominal",
    title: null,
    sort: ORDERS.map((order) => NAMES[order]),
    legend: { orient: "bottom", columns: 1, labelLimit: 0, symbolOpacity: 1 },
  };
  const area = [mean, low, high].map((value) => value.toFixed(3));
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: {
      text: "Heads removed from the SCAN teacher, nothing retrained",
      subtitle: `Five seeds; area between scoring anew and random ${area[0]}, 95 % interval ${area[1]} to ${area[2]}`,
    },
    data: { values },
    width: 480,
    height: 300,
    encoding: { x, color },
    layer: [
      { mark: { type: "line", opacity: 0.25 }, encoding: { y, detail: { field: "seed" } } },
      { mark: { type: "line", strokeWidth: 3, point: true }, encoding: { y: { ...y, aggregate: "mean" } } },
    ],
  };
}
