/** One way to do a piece of work, warm and with its inputs where it reads them. */
export interface Way {
  /** Does the work once and waits for it; its outputs stay where they are. */
  readonly run: () => Promise<unknown>;
  /** The result of the last run, to compare with what others found. */
  readonly result: () => Promise<ArrayLike<number>>;
}

/** Throws where a peer found something else: a ratio between unlike works means nothing. `tolerance` is relative to the largest magnitude. */
export async function expectEqual(ways: Readonly<Record<string, Way>>, ours: string, tolerance: number): Promise<void> {
  await ways[ours]!.run();
  const expected = await ways[ours]!.result();
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!));
  for (const [name, way] of Object.entries(ways)) {
    await way.run();
    const found = await way.result();
    if (found.length !== expected.length) throw new Error(`${name} gives ${found.length} numbers, ${ours} ${expected.length}`);
    for (let i = 0; i < expected.length; i++) {
      const difference = Math.abs(found[i]! - expected[i]!);
      if (!(difference <= tolerance * largest)) throw new Error(`${name} finds ${found[i]} at ${i}, ${ours} ${expected[i]}`);
    }
  }
}

export function runsOf(ways: Readonly<Record<string, Way>>): Record<string, () => Promise<unknown>> {
  return Object.fromEntries(Object.entries(ways).map(([name, { run }]) => [name, run]));
}
