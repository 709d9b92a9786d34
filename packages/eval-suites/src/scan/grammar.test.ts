import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanTasks, scanWords } from "./grammar.ts";

/** The semantics of the paper's supplement, read from the right end of a command: written apart from the generator, to check it. */
function interpret(command: string): string[] {
  const words = command.split(" ");
  const at = words.findIndex((word) => word === "and" || word === "after");
  if (at >= 0) {
    const first = interpret(words.slice(0, at).join(" "));
    const second = interpret(words.slice(at + 1).join(" "));
    return words[at] === "and" ? [...first, ...second] : [...second, ...first];
  }
  const last = words.at(-1)!;
  const rest = (): string[] => interpret(words.slice(0, -1).join(" "));
  if (last === "twice") return [...rest(), ...rest()];
  if (last === "thrice") return [...rest(), ...rest(), ...rest()];
  const verb = words[0] === "turn" ? [] : [`I_${words[0]!.toUpperCase()}`];
  if (words.length === 1) return verb;
  const turn = `I_TURN_${last.toUpperCase()}`;
  if (words.length === 2) return [turn, ...verb];
  if (words[1] === "opposite") return [turn, turn, ...verb];
  return [1, 2, 3, 4].flatMap(() => [turn, ...verb]);
}

function meaning(wanted: string): string {
  return scanTasks()
    .find(({ command }) => command === wanted)!
    .actions.join(" ");
}

describe("the grammar of SCAN", () => {
  it("makes 20,910 different commands of 1 to 48 actions", () => {
    const lengths = scanTasks().map(({ actions }) => actions.length);
    expect(new Set(scanTasks().map(({ command }) => command)).size).toBe(20_910);
    expect([Math.min(...lengths), Math.max(...lengths)]).toEqual([1, 48]);
  });

  it("means what an independent interpreter reads", () => {
    fc.assert(
      fc.property(fc.constantFrom(...scanTasks()), ({ command, actions }) => {
        expect(actions).toEqual(interpret(command));
      }),
      { numRuns: 2000 },
    );
  });

  it("names every word that it uses, and no other", () => {
    const used = new Set(scanTasks().flatMap(({ command, actions }) => [...command.split(" "), ...actions]));
    expect(scanWords().toSorted()).toEqual([...used].sort());
  });

  it("agrees with the examples that the paper gives", () => {
    expect(meaning("jump around right")).toBe("I_TURN_RIGHT I_JUMP I_TURN_RIGHT I_JUMP I_TURN_RIGHT I_JUMP I_TURN_RIGHT I_JUMP");
    expect(meaning("jump opposite left and walk thrice")).toBe("I_TURN_LEFT I_TURN_LEFT I_JUMP I_WALK I_WALK I_WALK");
    expect(meaning("jump opposite left after walk around left")).toBe(
      "I_TURN_LEFT I_WALK I_TURN_LEFT I_WALK I_TURN_LEFT I_WALK I_TURN_LEFT I_WALK I_TURN_LEFT I_TURN_LEFT I_JUMP",
    );
  });
});
