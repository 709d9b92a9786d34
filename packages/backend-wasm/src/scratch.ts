import type { Allocator } from "./allocator.ts";

/** Blocks that steps share: a step takes what it needs, the next step takes the same again. */
export interface ScratchPool {
  readonly take: (bytes: number) => number;
  /** Gives a function that gives back what is taken from now on. */
  readonly hold: () => () => void;
  /** A new step begins. */
  readonly reset: () => void;
}

interface Block {
  readonly address: number;
  readonly bytes: number;
  taken: boolean;
}

export function createScratch(allocator: Allocator): ScratchPool {
  const blocks: Block[] = [];
  const free = (from: readonly Block[]): void => from.forEach((block) => (block.taken = false));
  return {
    take: (bytes) => {
      let block = blocks.find((candidate) => !candidate.taken && candidate.bytes >= bytes);
      if (block === undefined) {
        // Half again as much as asked for, so that slowly growing requests end in few blocks.
        const size = Math.max(65536, Math.ceil(bytes * 1.5));
        block = { address: allocator.allocate(size), bytes: size, taken: false };
        blocks.push(block);
        blocks.sort((a, b) => a.bytes - b.bytes);
      }
      block.taken = true;
      return block.address;
    },
    hold: () => {
      const before = blocks.filter(({ taken }) => taken);
      return () => free(blocks.filter((block) => !before.includes(block)));
    },
    reset: () => free(blocks),
  };
}
