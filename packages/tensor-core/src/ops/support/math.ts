/** Functions of one number in float64, and the activations by name. */

export type Activation = "none" | "relu" | "gelu" | "gelu-tanh" | "silu";

export const ACTIVATIONS: Readonly<Record<Activation, (x: number) => number>> = {
  none: (x) => x,
  relu: (x) => Math.max(x, 0),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  "gelu-tanh": (x) => 0.5 * x * (1 + Math.tanh(GELU_SCALE * (x + GELU_CUBIC * x ** 3))),
  silu: (x) => x * sigmoid(x),
};

/** Activations whose slope is more than a constant. */
export type Curved = Exclude<Activation, "none">;

/** Their slopes; relu's is 0 at 0. */
export const SLOPES: Readonly<Record<Curved, (x: number) => number>> = {
  relu: (x) => (x > 0 ? 1 : 0),
  gelu: (x) => 0.5 * (1 + erf(x * Math.SQRT1_2)) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI),
  "gelu-tanh": (x) => {
    const s = sigmoid(2 * GELU_SCALE * (x + GELU_CUBIC * x ** 3));
    return s + x * s * (1 - s) * 2 * GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x);
  },
  silu: (x) => {
    const s = sigmoid(x);
    return s * (1 + x * (1 - s));
  },
};

/** √(2/π) and the cubic coefficient of Hendrycks and Gimpel, "Gaussian error linear units" (2016), section 2. */
export const GELU_SCALE: number = Math.sqrt(2 / Math.PI);
export const GELU_CUBIC = 0.044715;

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!! (Abramowitz and Stegun 7.1.6): all terms of one sign, so nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}
