/** Dense linear algebra in float64 on the host, for second-order compression. */
import { notPositiveDefinite } from "../errors.ts";

/**
 * The upper triangular U with H⁻¹ = UᵀU, row by row, for a symmetric positive definite H `[size, size]` given in float32 as XᵀX and
 * damped here: H = 2XᵀX/N + λI with λ = `damping` times the mean of the diagonal. The factor 2/N leaves out of every ratio that
 * GPTQ and SparseGPT form, so it is left out here too. Inputs that are all zero have H = I.
 *
 * H = RRᵀ with R upper triangular (Cholesky from the last row up), then U = R⁻¹: two thirds of the work of inverting H.
 *
 * @throws `training/not-positive-definite` where the damping is too little for what float32 sums lost.
 */
export function inverseFactor(gram: Float32Array, size: number, damping: number): Float64Array {
  const factor = reverseCholesky(damped(gram, size, damping), size);
  return invertUpper(factor, size);
}

function damped(gram: Float32Array, size: number, damping: number): Float64Array {
  const h = Float64Array.from(gram);
  let trace = 0;
  for (let i = 0; i < size; i++) trace += h[i * size + i];
  const lambda = (damping * trace) / size || 1;
  for (let i = 0; i < size; i++) h[i * size + i] += lambda;
  return h;
}

/** In place: the upper triangular R with RRᵀ = H; below the diagonal zeros. */
function reverseCholesky(h: Float64Array, size: number): Float64Array {
  for (let j = size - 1; j >= 0; j--) {
    let diagonal = h[j * size + j];
    for (let k = j + 1; k < size; k++) diagonal -= h[j * size + k] ** 2;
    if (!(diagonal > 0)) throw notPositiveDefinite({ index: j });
    const root = Math.sqrt(diagonal);
    h[j * size + j] = root;
    for (let i = 0; i < j; i++) {
      let value = h[i * size + j];
      for (let k = j + 1; k < size; k++) value -= h[i * size + k] * h[j * size + k];
      h[i * size + j] = value / root;
    }
    h.fill(0, j * size, j * size + j);
  }
  return h;
}

/** In place: the inverse of an upper triangular matrix. */
function invertUpper(r: Float64Array, size: number): Float64Array {
  const row = new Float64Array(size);
  for (let i = size - 1; i >= 0; i--) {
    // Row i of R⁻¹ = (e_i − Σ_{k>i} r_ik · row k of R⁻¹) / r_ii; the rows below are inverted already.
    row.fill(0);
    row[i] = 1;
    for (let k = i + 1; k < size; k++) {
      const scale = r[i * size + k];
      if (scale === 0) continue;
      for (let j = k; j < size; j++) row[j] -= scale * r[k * size + j];
    }
    const inverse = 1 / r[i * size + i];
    for (let j = i; j < size; j++) r[i * size + j] = row[j] * inverse;
  }
  return r;
}
