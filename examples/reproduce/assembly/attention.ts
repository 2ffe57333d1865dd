/**
 * Attention of one sentence to another, or to itself, forward and backward, in SIMD. Works in the memory of TensorFlow.js: all
 * arguments that are not numbers of something are addresses of f32, and the module has no data of its own.
 *
 * Rows of queries, keys and values have `width` elements. Each head has `width / heads` of them, a multiple of four.
 * Weights are written one after the other: for each query, for each head, one for each key that the query sees.
 */

/** JavaScript's: that of the standard library here would bring a table into the memory. */
declare function exp(x: f64): f64;

/** Bytes of an element, and of the four that are computed at a time. */
const ELEMENT: usize = 4;
const FOUR: usize = 16;

function address(base: usize, elements: i32): usize {
  return base + <usize>elements * ELEMENT;
}

/** The keys that a query sees: the later ones are hidden if `causal`. */
function seenBy(query: i32, keys: i32, causal: bool): i32 {
  return causal ? query + 1 : keys;
}

function dot(a: usize, b: usize, bytes: usize): f32 {
  let sum = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += FOUR) sum = f32x4.add(sum, f32x4.mul(v128.load(a + i), v128.load(b + i)));
  return (
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
  );
}

/** target += factor source */
function addScaled(target: usize, source: usize, factor: f32, bytes: usize): void {
  const factors = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += FOUR) {
    v128.store(target + i, f32x4.add(v128.load(target + i), f32x4.mul(factors, v128.load(source + i))));
  }
}

/** Turns scores into weights, whose sum is 1. */
function softmax(scores: usize, count: i32): void {
  const end = address(scores, count);
  let largest = load<f32>(scores);
  for (let at = scores + ELEMENT; at < end; at += ELEMENT) largest = max(largest, load<f32>(at));
  let sum: f64 = 0;
  for (let at = scores; at < end; at += ELEMENT) {
    const power = exp(<f64>(load<f32>(at) - largest));
    store<f32>(at, <f32>power);
    sum += power;
  }
  const share = <f32>(1 / sum);
  for (let at = scores; at < end; at += ELEMENT) store<f32>(at, load<f32>(at) * share);
}

/**
 * out = softmax(query key^T / sqrt(size)) value, for each head.
 *
 * @returns the address behind the weights.
 */
export function attend(
  query: usize,
  key: usize,
  value: usize,
  weights: usize,
  out: usize,
  queries: i32,
  keys: i32,
  width: i32,
  heads: i32,
  causal: bool,
): usize {
  const size = width / heads;
  const bytes = address(0, size);
  const stride = address(0, width);
  const scale = <f32>(1 / Math.sqrt(<f64>size));
  memory.fill(out, 0, <usize>queries * stride);
  for (let i = 0; i < queries; i++) {
    const seen = seenBy(i, keys, causal);
    for (let head = 0; head < heads; head++) {
      const column = address(0, head * size);
      const row = <usize>i * stride + column;
      let at = column;
      for (let j = 0; j < seen; j++, at += stride) {
        store<f32>(address(weights, j), scale * dot(query + row, key + at, bytes));
      }
      softmax(weights, seen);
      at = column;
      for (let j = 0; j < seen; j++, at += stride) {
        addScaled(out + row, value + at, load<f32>(address(weights, j)), bytes);
      }
      weights = address(weights, seen);
    }
  }
  return weights;
}

/**
 * The gradients of query, key and value from that of out. dKey and dValue are added to what is there.
 *
 * @param scratch room for one element a key.
 * @returns the address behind the weights.
 */
export function attendBackward(
  query: usize,
  key: usize,
  value: usize,
  weights: usize,
  dOut: usize,
  dQuery: usize,
  dKey: usize,
  dValue: usize,
  scratch: usize,
  queries: i32,
  keys: i32,
  width: i32,
  heads: i32,
  causal: bool,
): usize {
  const size = width / heads;
  const bytes = address(0, size);
  const stride = address(0, width);
  const scale = <f32>(1 / Math.sqrt(<f64>size));
  memory.fill(dQuery, 0, <usize>queries * stride);
  for (let i = 0; i < queries; i++) {
    const seen = seenBy(i, keys, causal);
    for (let head = 0; head < heads; head++) {
      const column = address(0, head * size);
      const row = <usize>i * stride + column;
      // The mean of dWeight over the weights, which the softmax subtracts.
      let common: f32 = 0;
      let at = column;
      for (let j = 0; j < seen; j++, at += stride) {
        const weight = load<f32>(address(weights, j));
        const dWeight = dot(dOut + row, value + at, bytes);
        addScaled(dValue + at, dOut + row, weight, bytes);
        store<f32>(address(scratch, j), dWeight);
        common += dWeight * weight;
      }
      at = column;
      for (let j = 0; j < seen; j++, at += stride) {
        const dScore = scale * load<f32>(address(weights, j)) * (load<f32>(address(scratch, j)) - common);
        addScaled(dQuery + row, key + at, dScore, bytes);
        addScaled(dKey + at, query + row, dScore, bytes);
      }
      weights = address(weights, seen);
    }
  }
  return weights;
}
