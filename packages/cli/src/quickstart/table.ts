/** The quickstart's result for people. */
import { bytes, count, table } from "../output.ts";
import type { Accuracy, Latency, Row } from "./measure.ts";
import type { QuickstartResult, TimedRow } from "./quickstart.ts";

export function describeQuickstart({ rows, control, published, summary }: Omit<QuickstartResult, "model" | "teachers">): string {
  const suites = rows[0]!.accuracies.map(({ suite }) => suite);
  const line = (row: TimedRow): string[] => [
    row.name,
    count(row.parameters),
    count(row.kept),
    bytes(row.bytes),
    time(row.latency),
    ...row.accuracies.map(percent),
  ];
  const simple = published.accuracies[0]!;
  return [
    table(["", "parameters", "not zero", "on disk", "ms/command", ...suites], [...rows, control].map(line)),
    ...labels([...rows, control]),
    "Accuracy: exact match in %, with 95 % Wilson intervals. Time: median of rounds in turn, with the fastest and the slowest.",
    `The final model takes ${(100 * summary.bytes).toFixed(1)} % of its teacher's bytes and keeps ${(100 * summary.kept).toFixed(1)} % of its in-domain accuracy;`,
    `it ${summary.beatsControl ? "beats" : "does not beat"} the model of its size that learned from labels alone.`,
    `In the published setting (trained on all of simple) a teacher of this size reaches ${percent(simple)} on ${simple.suite}.`,
  ].join("\n");
}

/** What each suite is to these models: one word where it is the same for all. */
function labels(rows: readonly Row[]): string[] {
  return rows[0]!.accuracies.map(({ suite, examples }, index) => {
    const found = [...new Set(rows.map(({ accuracies }) => accuracies[index]!.label))];
    return `${suite}: ${found.join(" or ")}, ${examples} examples`;
  });
}

function percent({ accuracy, low, high }: Accuracy): string {
  const show = (value: number): string => (100 * value).toFixed(1);
  return `${show(accuracy)} (${show(low)}–${show(high)})`;
}

function time({ median, low, high }: Latency): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}
