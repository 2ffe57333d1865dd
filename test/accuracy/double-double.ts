/**
 * Double-double arithmetic: a number as the unevaluated sum of two doubles, with about 106 bits.
 *
 *   twoSum   a + b = s + e exactly:  s = fl(a + b), v = fl(s - a), e = (a - (s - v)) + (b - v)            Knuth
 *   split    a = h + l, 26 bits each: c = fl((2^27 + 1) a), h = c - (c - a), l = a - h                    Veltkamp
 *   twoProd  a b = p + e exactly:    p = fl(a b), e = ((ha hb - p) + ha lb + la hb) + la lb               Dekker
 *
 * sum and dot are Sum2 and Dot2 of Ogita, Rump and Oishi ("Accurate Sum and Dot Product", 2005): as exact as the plain
 * loop in twice the precision, rounded.
 *
 * Range: elements of f32, and their products, lie between 2^-298 and 2^256. Neither the splitting nor an error term
 * leaves the range of a double there, so nothing needs rescaling.
 */

/** high + low, where high is the double nearest to the sum. */
export interface Pair {
  readonly high: number;
  readonly low: number;
}

const SPLITTER = 2 ** 27 + 1;

export function twoSum(a: number, b: number): Pair {
  const high = a + b;
  const v = high - a;
  return { high, low: a - (high - v) + (b - v) };
}

export function twoProd(a: number, b: number): Pair {
  const high = a * b;
  const ca = SPLITTER * a;
  const ha = ca - (ca - a);
  const la = a - ha;
  const cb = SPLITTER * b;
  const hb = cb - (cb - b);
  const lb = b - hb;
  return { high, low: ha * hb - high + ha * lb + la * hb + la * lb };
}

/** The sum of all values. */
export function sum(values: Float32Array | Float64Array): Pair {
  let high = 0;
  let low = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    const s = high + value;
    const v = s - high;
    low += high - (s - v) + (value - v);
    high = s;
  }
  return twoSum(high, low);
}

/** The sum of a_i b_i. */
export function dot(a: Float32Array | Float64Array, b: Float32Array | Float64Array): Pair {
  let high = 0;
  let low = 0;
  for (let i = 0; i < a.length; i++) {
    const ai = a[i] as number;
    const bi = b[i] as number;
    // twoProd and twoSum, written out to avoid an object for each element.
    const p = ai * bi;
    const ca = SPLITTER * ai;
    const ha = ca - (ca - ai);
    const la = ai - ha;
    const cb = SPLITTER * bi;
    const hb = cb - (cb - bi);
    const lb = bi - hb;
    const e = ha * hb - p + ha * lb + la * hb + la * lb;
    const s = high + p;
    const v = s - high;
    low += high - (s - v) + (p - v) + e;
    high = s;
  }
  return twoSum(high, low);
}

export function add(a: Pair, b: Pair): Pair {
  const { high, low } = twoSum(a.high, b.high);
  return twoSum(high, low + a.low + b.low);
}

/** a / n, by one step of long division on the remainder. */
export function divide(a: Pair, n: number): Pair {
  const quotient = a.high / n;
  const product = twoProd(quotient, n);
  return twoSum(quotient, (a.high - product.high - product.low + a.low) / n);
}

/** a - b as a double: close to exact even if the two agree in all but their last digits. */
export function difference(a: number, b: Pair): number {
  const { high, low } = twoSum(a, -b.high);
  return high + (low - b.low);
}
