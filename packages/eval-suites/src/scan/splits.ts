/** The splits of SCAN (Lake & Baroni 2018), by the rules their authors state; the random one by its recorded membership. */
import type { Example, Part } from "@pare/training";
import { scanTasks, type ScanTask } from "./grammar.ts";
import { SIMPLE_TRAIN_BITS } from "./simple-split.ts";

export const SCAN_SPLITS = ["simple", "length", "jump", "turn-left", "intersection"] as const;
export type ScanSplit = (typeof SCAN_SPLITS)[number];

/** Training commands of the length split mean at most this many actions; test commands mean 24 to 48. */
const LONGEST_TRAINED = 22;

/** Tells, for a task and its index in `scanTasks()`, whether it is trained on. */
type Rule = (task: ScanTask, index: number) => boolean;

const length: Rule = ({ actions }) => actions.length <= LONGEST_TRAINED;
const jump: Rule = ({ command }) => command === "jump" || !holds(command, "jump");
const turnLeft: Rule = ({ command }) => command === "turn left" || !holds(command, "turn left");

/**
 * The examples of one part, in the order of `scanTasks()`. Training sets of the add-primitive splits repeat the bare primitive, as
 * their authors' files do, until it is a tenth of all.
 *
 * "intersection" is ours: what the simple, length and jump training sets share (8,635 commands), so that a model trained on it has seen
 * none of the three tests. Its own test is what the length and jump training sets share and simple's does not.
 */
export function scanExamples(split: ScanSplit, part: Part): readonly Example[] {
  if (split === "intersection") {
    const simple = simpleRule();
    return select((task, index) => length(task, index) && jump(task, index) && simple(task, index) === (part === "train"));
  }
  const rule = ruleOf(split);
  if (part === "test") return select((task, index) => !rule(task, index));
  const train = select(rule);
  if (split !== "jump" && split !== "turn-left") return train;
  const bare = split === "jump" ? "jump" : "turn left";
  const copies = Math.ceil((train.length - 1) / 9);
  return train.flatMap((example) => (example.source === bare ? Array.from({ length: copies }, () => example) : [example]));
}

function ruleOf(split: Exclude<ScanSplit, "intersection">): Rule {
  switch (split) {
    case "simple":
      return simpleRule();
    case "length":
      return length;
    case "jump":
      return jump;
    case "turn-left":
      return turnLeft;
  }
}

function simpleRule(): Rule {
  const bits = Uint8Array.from(atob(SIMPLE_TRAIN_BITS), (character) => character.charCodeAt(0));
  return (_task, index) => ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
}

/** Words of SCAN are never parts of one another, so containing the text is containing the words. */
function holds(command: string, words: string): boolean {
  return command.includes(words);
}

function select(rule: Rule): Example[] {
  return scanTasks()
    .filter(rule)
    .map(({ command, actions }) => ({ source: command, target: actions.join(" ") }));
}
