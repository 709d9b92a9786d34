import { expect, test, vi } from "vitest";
import { createProgress, duration, secondsLeft } from "./progress.ts";

test("time left is what the mean speed says", () => {
  expect(secondsLeft({ done: 25, total: 100, unit: "steps" }, 10)).toBe(30);
  expect(secondsLeft({ done: 0, total: 100, unit: "steps" }, 10)).toBeUndefined();
  expect(secondsLeft({ done: 100, total: 100, unit: "steps" }, 10)).toBeUndefined();
});

test.each([
  [8.4, "8 s"],
  [200, "3 min 20 s"],
  [3900, "1 h 05 min"],
])("%d seconds read %s", (seconds, text) => expect(duration(seconds)).toBe(text));

test("without a screen it writes a line now and then, with --json nothing", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    let err = "";
    const terminal = { out: () => {}, err: (text: string) => void (err += text), cwd: "", signal: new AbortController().signal };
    const view = createProgress(terminal, false);
    for (let done = 0; done <= 100; done++) {
      view.show({ done, total: 100, unit: "steps" });
      vi.advanceTimersByTime(300);
    }
    expect(err.trimEnd().split("\n")).toEqual(["34/100 steps, 20 s left", "68/100 steps, 10 s left"]);
    err = "";
    for (let done = 1; done <= 40; done++) {
      view.show({ done, total: 100, unit: "steps" });
      vi.advanceTimersByTime(300);
    }
    expect(err.trimEnd().split("\n")[0]).toBe("2/100 steps, 29 s left");
    err = "";
    createProgress(terminal, true).show({ done: 1, total: 2, unit: "steps" });
    createProgress(terminal, true).note("hello");
    expect(err).toBe("");
  } finally {
    vi.useRealTimers();
  }
});
