/** How far the work is, with the time left: a bar on a screen, a line now and then in a log, nothing with `--json`. */
import { SingleBar } from "cli-progress";
import type { Progress } from "@pare/core";
import { bytes } from "./output.ts";
import type { Terminal } from "./terminal.ts";

export interface ProgressView {
  readonly show: (progress: Progress) => void;
  /** A line of its own; a bar that is drawn stays below it. */
  readonly note: (text: string) => void;
  /** Takes the bar away. */
  readonly stop: () => void;
}

/** Milliseconds between two lines where there is no screen. */
const LINE_INTERVAL = 10_000;

export function createProgress(terminal: Terminal, json: boolean): ProgressView {
  if (json) return { show: () => {}, note: () => {}, stop: () => {} };
  return terminal.screen === undefined ? lines(terminal) : bar(terminal, terminal.screen);
}

/** Time left at the mean speed since `start`; undefined before anything is done. */
export function secondsLeft({ done, total }: Progress, elapsed: number): number | undefined {
  return done > 0 && total > done ? (elapsed * (total - done)) / done : undefined;
}

/** "8 s", "3 min 20 s", "1 h 05 min". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** "25/100 steps", "1.04 MB/25 MB". */
function amount({ done, total, unit }: Progress): string {
  return unit === "bytes" ? `${bytes(done)}/${bytes(total)}` : `${done}/${total} ${unit}`;
}

interface Stretch {
  readonly key: string;
  readonly start: number;
  readonly startDone: number;
  /** As it was told last: less done than this is another piece of work. */
  done: number;
}

/** Speed is measured anew whenever something else is counted, or the count begins again. */
function follow(): (progress: Progress) => string {
  let stretch: Stretch | undefined;
  return (progress) => {
    const key = `${progress.unit}/${progress.total}`;
    if (stretch?.key !== key || progress.done < stretch.done)
      stretch = { key, start: performance.now(), startDone: progress.done, done: 0 };
    stretch.done = progress.done;
    const measured = { ...progress, done: progress.done - stretch.startDone, total: progress.total - stretch.startDone };
    const left = secondsLeft(measured, (performance.now() - stretch.start) / 1000);
    return left === undefined ? "" : `${duration(left)} left`;
  };
}

function lines(terminal: Terminal): ProgressView {
  const leftOf = follow();
  let last = performance.now();
  return {
    show: (progress) => {
      const left = leftOf(progress);
      if (performance.now() - last < LINE_INTERVAL) return;
      last = performance.now();
      terminal.err(`${[progress.message, amount(progress), left].filter((part) => part !== undefined && part !== "").join(", ")}\n`);
    },
    note: (text) => terminal.err(`${text}\n`),
    stop: () => {},
  };
}

function bar(terminal: Terminal, screen: NodeJS.WriteStream): ProgressView {
  const leftOf = follow();
  let view: SingleBar | undefined;
  const stop = (): void => {
    view?.stop();
    view = undefined;
  };
  return {
    show: (progress) => {
      const { done, total, message = "" } = progress;
      const payload = { amount: amount(progress), message, left: leftOf(progress) };
      if (view === undefined) {
        view = new SingleBar({
          stream: screen,
          format: "{bar} {amount} {left} {message}",
          barCompleteChar: "█",
          barIncompleteChar: "░",
          barsize: 24,
          hideCursor: true,
          clearOnComplete: true,
          gracefulExit: false,
        });
        view.start(total, done, payload);
      } else {
        view.setTotal(total);
        view.update(done, payload);
      }
    },
    note: (text) => {
      stop();
      terminal.err(`${text}\n`);
    },
    stop,
  };
}
