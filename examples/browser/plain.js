/** The norms as plain loops over Float32Arrays: what one would write without the package. */

const EPS = 1e-5;
const f32 = Math.fround;

/** In four parts, because in a single sum every addition waits for the one before. */
function sum(x, start, size) {
  const end = start + size;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    a += x[i];
    b += x[i + 1];
    c += x[i + 2];
    d += x[i + 3];
  }
  for (; i < end; i++) a += x[i];
  return a + b + (c + d);
}

function sumOfSquares(x, start, size, mean) {
  const end = start + size;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    const p = x[i] - mean;
    const q = x[i + 1] - mean;
    const r = x[i + 2] - mean;
    const s = x[i + 3] - mean;
    a += p * p;
    b += q * q;
    c += r * r;
    d += s * s;
  }
  for (; i < end; i++) a += (x[i] - mean) * (x[i] - mean);
  return a + b + (c + d);
}

/** Two passes, and sums in double precision, as every number in JavaScript is. */
export const twoPass = {
  layerNormSimple(x, y, size) {
    for (let start = 0; start < x.length; start += size) {
      const mean = sum(x, start, size) / size;
      const rstd = 1 / Math.sqrt(sumOfSquares(x, start, size, mean) / size + EPS);
      for (let i = start; i < start + size; i++) y[i] = (x[i] - mean) * rstd;
    }
  },
  adaNorm(x, y, size, scale, k) {
    for (let start = 0; start < x.length; start += size) {
      const mean = sum(x, start, size) / size;
      const rstd = 1 / Math.sqrt(sumOfSquares(x, start, size, mean) / size + EPS);
      for (let i = start; i < start + size; i++) {
        const z = (x[i] - mean) * rstd;
        y[i] = scale * (1 - k * z) * z;
      }
    }
  },
};

/** One pass in single precision, as kernels often do it: var = mean(x^2) - mean^2. */
export const onePass = {
  layerNormSimple(x, y, size) {
    for (let start = 0; start < x.length; start += size) {
      let total = f32(0);
      let squares = f32(0);
      for (let i = start; i < start + size; i++) {
        total = f32(total + x[i]);
        squares = f32(squares + f32(x[i] * x[i]));
      }
      const mean = f32(total / size);
      const rstd = f32(1 / Math.sqrt(f32(f32(squares / size) - f32(mean * mean)) + EPS));
      for (let i = start; i < start + size; i++) y[i] = (x[i] - mean) * rstd;
    }
  },
  adaNorm(x, y, size, scale, k) {
    for (let start = 0; start < x.length; start += size) {
      let total = f32(0);
      let squares = f32(0);
      for (let i = start; i < start + size; i++) {
        total = f32(total + x[i]);
        squares = f32(squares + f32(x[i] * x[i]));
      }
      const mean = f32(total / size);
      const rstd = f32(1 / Math.sqrt(f32(f32(squares / size) - f32(mean * mean)) + EPS));
      for (let i = start; i < start + size; i++) {
        const z = (x[i] - mean) * rstd;
        y[i] = scale * (1 - k * z) * z;
      }
    }
  },
};
