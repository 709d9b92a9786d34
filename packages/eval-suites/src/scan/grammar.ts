/**
 * SCAN (Lake & Baroni 2018, "Generalization without systematicity", arXiv:1711.00350; grammar and semantics of its supplement):
 *
 *     C → S and S | S after S | S
 *     S → V twice | V thrice | V
 *     V → U | D | D[verb] opposite D[direction] | D[verb] around D[direction]
 *     D → U left | U right | turn left | turn right
 *     U → walk | look | run | jump
 */

const DIRECTIONS = ["left", "right"] as const;
const VERBS = ["walk", "look", "run", "jump"] as const;
const REPEATS = [
  ["", 1],
  [" twice", 2],
  [" thrice", 3],
] as const;

export interface ScanTask {
  /** Words separated by single spaces. */
  readonly command: string;
  /** Actions as the authors' files spell them: `I_TURN_LEFT`, `I_JUMP`… */
  readonly actions: readonly string[];
}

/** All 20,910 commands with what they mean. The order is this grammar's own and never changes: the split tables index it. */
export function scanTasks(): readonly ScanTask[] {
  return (tasks ??= [...sentences()]);
}
let tasks: readonly ScanTask[] | undefined;

/** The words that commands and actions are made of, for a tokenizer: 13 and 6. */
export function scanWords(): readonly string[] {
  const commands = [...VERBS, "turn", ...DIRECTIONS, "opposite", "around", "twice", "thrice", "and", "after"];
  return [...commands, ...[...VERBS, "turn_left", "turn_right"].map((act) => `I_${act.toUpperCase()}`)];
}

function* sentences(): Generator<ScanTask> {
  const phrases = [...verbPhrases()].flatMap((phrase) =>
    REPEATS.map(([word, times]) => ({ command: phrase.command + word, actions: repeat(phrase.actions, times) })),
  );
  yield* phrases;
  for (const first of phrases) {
    for (const second of phrases) {
      yield { command: `${first.command} and ${second.command}`, actions: [...first.actions, ...second.actions] };
      yield { command: `${first.command} after ${second.command}`, actions: [...second.actions, ...first.actions] };
    }
  }
}

/** `turn` has no action of its own, and no meaning without a direction. */
function* verbPhrases(): Generator<ScanTask> {
  for (const verb of [...VERBS, "turn"]) {
    const act = verb === "turn" ? [] : [`I_${verb.toUpperCase()}`];
    if (verb !== "turn") yield { command: verb, actions: act };
    for (const direction of DIRECTIONS) {
      const turn = `I_TURN_${direction.toUpperCase()}`;
      yield { command: `${verb} ${direction}`, actions: [turn, ...act] };
      yield { command: `${verb} opposite ${direction}`, actions: [turn, turn, ...act] };
      yield { command: `${verb} around ${direction}`, actions: repeat([turn, ...act], 4) };
    }
  }
}

function repeat(actions: readonly string[], times: number): string[] {
  return Array.from({ length: times }, () => actions).flat();
}
