import { expect, test } from "vitest";
import { lbfgs, type Differentiable } from "./lbfgs.ts";

const rosenbrock: Differentiable = ([x, y], gradient) => {
  gradient[0] = -400 * x! * (y! - x! * x!) - 2 * (1 - x!);
  gradient[1] = 200 * (y! - x! * x!);
  return 100 * (y! - x! * x!) ** 2 + (1 - x!) ** 2;
};

test("finds the minimum of Rosenbrock's valley from the usual start, and leaves the start alone", () => {
  const start = Float64Array.of(-1.2, 1);
  const minimum = lbfgs(rosenbrock, start, { valueTolerance: 0 });
  expect(minimum.x[0]).toBeCloseTo(1, 8);
  expect(minimum.x[1]).toBeCloseTo(1, 8);
  expect(minimum.iterations).toBeLessThan(60);
  expect(minimum.converged).toBe(true);
  expect([...start]).toEqual([-1.2, 1]);
});

test("solves an ill-conditioned quadratic in about as many iterations as it has dimensions", () => {
  const scales = [1, 10, 100, 1000, 10_000];
  const minimum = lbfgs(
    (x, gradient) => {
      scales.forEach((scale, i) => (gradient[i] = scale * (x[i]! - i)));
      return scales.reduce((sum, scale, i) => sum + 0.5 * scale * (x[i]! - i) ** 2, 0);
    },
    new Float64Array(5),
    { valueTolerance: 0 },
  );
  minimum.x.forEach((value, i) => expect(value).toBeCloseTo(i, 6));
  expect(minimum.iterations).toBeLessThan(40);
});

test("steps back from where the function is not finite", () => {
  const minimum = lbfgs((x, gradient) => {
    gradient[0] = 1 - 1 / x[0]!;
    return x[0]! > 0 ? x[0]! - Math.log(x[0]!) : Number.POSITIVE_INFINITY;
  }, Float64Array.of(20));
  expect(minimum.x[0]).toBeCloseTo(1, 5);
});

test("says when it ran out of iterations", () => {
  expect(lbfgs(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 3 })).toMatchObject({ converged: false, iterations: 3 });
});
