/** Functions that every shader may call, as gpu.js takes them. */

export interface Helper {
  readonly name: string;
  readonly parameters: Readonly<Record<string, "Integer" | "Float">>;
  readonly gives: "Integer" | "Float";
  readonly body: string;
}

/** Integer quotient a/b of numbers that are not negative. GLSL divides integers; gpu.js would divide floats. */
export const INTEGER_QUOTIENT = "int quotient(int a, int b) { return a / b; }";

/** The same where there is no GLSL: a guess, and what the guess left over. */
export const HOST_QUOTIENT: Helper = {
  name: "quotient",
  parameters: { a: "Integer", b: "Integer" },
  gives: "Integer",
  body: "const guess = Math.floor(a / b) | 0; return guess + (Math.floor((a - guess * b + 0.5) / b) | 0);",
};

const float = (name: string, parameters: readonly string[], body: string): Helper => ({
  name,
  parameters: Object.fromEntries(parameters.map((parameter) => [parameter, "Float"])),
  gives: "Float",
  body,
});

/** Built from e^−|x|, so that nothing overflows. */
export const HELPERS: readonly Helper[] = [
  float("logistic", ["x"], "const e = Math.exp(-Math.abs(x)); return (x < 0.0 ? e : 1.0) / (1.0 + e);"),
  float("hyperbolic", ["x"], "const e = Math.exp(-2.0 * Math.abs(x)); const t = (1.0 - e) / (1.0 + e); return x < 0.0 ? -t : t;"),
  // Abramowitz and Stegun 7.1.26; |error| ≤ 1.5·10⁻⁷.
  float(
    "errorFunction",
    ["x"],
    `const a = Math.abs(x);
    const t = 1.0 / (1.0 + 0.3275911 * a);
    const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    const y = 1.0 - sum * Math.exp(-a * a);
    return x < 0.0 ? -y : y;`,
  ),
  float("activateRelu", ["x"], "return x > 0.0 ? x : 0.0;"),
  float("activateGelu", ["x"], "return 0.5 * x * (1.0 + errorFunction(x * 0.7071067811865476));"),
  float("activateGeluTanh", ["x"], "return 0.5 * x * (1.0 + hyperbolic(0.7978845608028654 * (x + 0.044715 * x * x * x)));"),
  float("activateSilu", ["x"], "return x * logistic(x);"),
  // Angles lose π/2 in two parts (Cody and Waite, "Software manual for the elementary functions", 1980), then Taylor series: drivers
  // promise no more than 2⁻¹¹ for their own sine.
  float(
    "sineOf",
    ["x"],
    `const turns = Math.floor(x * 0.6366197723675814 + 0.5);
    const r = (x - turns * 1.5703125) - turns * 0.0004838267948966;
    const s = r * r;
    const sine = r * (1.0 - s * (0.16666666666666666 - s * (0.008333333333333333 - s * 0.0001984126984126984)));
    const cosine = 1.0 - s * (0.5 - s * (0.041666666666666664 - s * (0.001388888888888889 - s * 0.0000248015873015873)));
    const quarter = turns - 4.0 * Math.floor(turns * 0.25);
    if (quarter < 0.5) { return sine; }
    if (quarter < 1.5) { return cosine; }
    if (quarter < 2.5) { return -sine; }
    return -cosine;`,
  ),
];
