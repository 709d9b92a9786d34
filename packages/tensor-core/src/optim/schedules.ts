/** Learning rates as pure functions of the step, counted from 0. */

export type Schedule = (step: number) => number;

export interface Warmup {
  /** Highest rate. */
  readonly peak: number;
  /** Steps over which the rate rises in a line; the last of them has the peak. */
  readonly warmup?: number | undefined;
}

export interface Decay extends Warmup {
  /** Step at which the final rate is reached; it stays from there on. */
  readonly steps: number;
  /** Default 0. */
  readonly final?: number | undefined;
}

/** The peak from the end of warm-up on. */
export function constantSchedule(options: Warmup): Schedule {
  return afterWarmup(options, () => options.peak);
}

/** Falls in a line from peak to final. */
export function linearSchedule(options: Decay): Schedule {
  return afterWarmup(options, (step) => fall(options, 1 - progress(options, step)));
}

/** Falls along half a cosine from peak to final (Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts). */
export function cosineSchedule(options: Decay): Schedule {
  return afterWarmup(options, (step) => fall(options, (1 + Math.cos(Math.PI * progress(options, step))) / 2));
}

/** Falls with 1/√step (Vaswani et al., "Attention is all you need", 2017, equation 3), the peak at the end of warm-up. */
export function inverseSqrtSchedule(options: Warmup): Schedule {
  const start = Math.max(1, options.warmup ?? 0);
  return afterWarmup(options, (step) => options.peak * Math.sqrt(start / Math.max(start, step + 1)));
}

function afterWarmup({ peak, warmup = 0 }: Warmup, later: Schedule): Schedule {
  return (step) => (step < warmup ? (peak * (step + 1)) / warmup : later(step));
}

/** 0 at the end of warm-up, 1 at the last step and after it. */
function progress({ warmup = 0, steps }: Decay, step: number): number {
  return steps > warmup ? Math.min(1, (step - warmup) / (steps - warmup)) : 1;
}

function fall({ peak, final = 0 }: Decay, share: number): number {
  return final + (peak - final) * share;
}
