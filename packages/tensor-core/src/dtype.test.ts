import { describe, expect, it } from "vitest";
import { fromF16, toF16 } from "./dtype.ts";

describe("binary16", () => {
  it("gives all finite halves and both infinities back", () => {
    for (let bits = 0; bits < 65_536; bits++) if (!Number.isNaN(fromF16(bits))) expect(toF16(fromF16(bits))).toBe(bits);
    expect(fromF16(toF16(Number.NaN))).toBeNaN();
  });

  it("rounds to the nearest, halfway to the even one", () => {
    for (let bits = 0; bits < 0x7bff; bits += 7) {
      const [low, high] = [fromF16(bits), fromF16(bits + 1)];
      const middle = (low + high) / 2;
      const step = high - low;
      expect(toF16(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
      expect(toF16(-middle)).toBe((bits % 2 === 0 ? bits : bits + 1) | 0x8000);
      expect(toF16(middle - step / 64)).toBe(bits);
      expect(toF16(middle + step / 64)).toBe(bits + 1);
    }
    expect(toF16(65_519.99)).toBe(0x7bff);
    expect(toF16(65_520)).toBe(0x7c00);
    expect(toF16(1e30)).toBe(0x7c00);
    expect(toF16(1e-10)).toBe(0);
  });
});
