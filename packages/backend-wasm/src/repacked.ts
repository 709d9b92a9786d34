import { isPareError } from "@pare/core";
import type { Allocator } from "./allocator.ts";

/** Copies of constant tensors in the order that a kernel reads them, made once for all programs. */
export interface RepackedPool {
  /** Address of the copy, made by `fill` where there is none yet; undefined where there is no room for it. */
  readonly take: (source: number, layout: string, bytes: number, fill: (address: number) => void) => number | undefined;
  /** The sources in these bytes are gone. */
  readonly drop: (address: number, bytes: number) => void;
}

interface Copy {
  readonly source: number;
  readonly layout: string;
  readonly address: number;
  readonly bytes: number;
}

/** @param limit bytes that all copies together may take. */
export function createRepacked(allocator: Allocator, limit: number): RepackedPool {
  let copies: readonly Copy[] = [];
  let used = 0;
  const room = (bytes: number): number | undefined => {
    if (used + bytes > limit) return undefined;
    try {
      return allocator.allocate(bytes);
    } catch (error) {
      if (isPareError(error)) return undefined;
      throw error;
    }
  };
  return {
    take: (source, layout, bytes, fill) => {
      const known = copies.find((copy) => copy.source === source && copy.layout === layout);
      if (known !== undefined) return known.address;
      const address = room(bytes);
      if (address === undefined) return undefined;
      fill(address);
      copies = [...copies, { source, layout, address, bytes }];
      used += bytes;
      return address;
    },
    drop: (address, bytes) => {
      const gone = copies.filter(({ source }) => source >= address && source < address + bytes);
      if (gone.length === 0) return;
      copies = copies.filter((copy) => !gone.includes(copy));
      for (const copy of gone) {
        allocator.free(copy.address, copy.bytes);
        used -= copy.bytes;
      }
    },
  };
}
