/**
 * One pass over one row, or over the columns of a few. Every loop over H stands in this file, written once over lanes
 * (single or double precision), centring and formula; statistics.ts, forward.ts, backward.ts and reductions.ts put
 * them together.
 *
 * Tails are handled in vectors of which only the row's own lanes are read, summed and written.
 */

/** What the last `sumRow` found: the sum of f, the sum of f t and, of a gradient, the largest |t|. */
export let sum0: f64 = 0;
export let sum1: f64 = 0;
export let largest: f64 = 0;

/** Vectors that a map takes at a time: as many independent operations hide the latency of one. */
const GROUP: usize = 4;
/** Vectors that a sum takes at a time: two quads, added pairwise first. */
const QUADS: usize = 8;
/** Turns of that loop in a block: 256 f32, of which no lane adds more than 8 quads in single precision. */
const TURNS: usize = 8;
/** The same in rows below LONG, where one element weighs more, and in passes that are rare: 64 f32. */
const FEW_TURNS: usize = 2;
const LONG: i32 = 512;

/** One vector of a sum: t of x, and the term f of t and the elements at p and q. */
@unmanaged
@final
class At<L, C, T> {
  @inline t(x: usize, high: v128, low: v128): v128 {
    return changetype<C>(0).of<L>(changetype<L>(0).load(x), high, low);
  }
  @inline f(t: v128, p: usize, q: usize, a: v128, b: v128): v128 {
    const lanes = changetype<L>(0);
    const term = changetype<T>(0);
    const none = f64x2.splat(0);
    return term.of<L>(t, term.usesP() ? lanes.load(p) : none, term.usesQ() ? lanes.load(q) : none, a, b, none, none);
  }
}

/**
 * sum0 = sum of f and sum1 = sum of f t over one row, where t = x - (high + low) and f = T(t, p, q).
 *
 * Blocks are added in the lanes' own precision and combined in double precision, so that the error does not grow with
 * the length of the row.
 */
export function sumRow<L, C, T>(
  x: usize,
  p: usize,
  q: usize,
  size: i32,
  high: v128,
  low: v128,
  a: v128,
  b: v128,
): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const term = changetype<T>(0);
  const at = changetype<At<L, C, T>>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);

  let sums = none;
  let m = none;

  const end = x + <usize>size * lanes.bytes();
  // Double serves the row reductions, and backward on rare rows, which does without the quads.
  const unrolled = lanes.width() == 4 || !term.usesP();
  const blockBytes = step * QUADS * (centre.isRare() || size < LONG ? FEW_TURNS : TURNS);
  const quadsEnd = unrolled ? end - ((end - x) % (step * QUADS)) : x;
  while (unrolled && x < quadsEnd) {
    const blockEnd = min(x + blockBytes, quadsEnd);
    let v0 = none;
    let v1 = none;
    let w0 = none;
    let w1 = none;
    do {
      {
        const t0 = at.t(x, high, low);
        const t1 = at.t(x + step, high, low);
        const t2 = at.t(x + step * 2, high, low);
        const t3 = at.t(x + step * 3, high, low);
        const f0 = at.f(t0, p, q, a, b);
        const f1 = at.f(t1, p + step, q + step, a, b);
        const f2 = at.f(t2, p + step * 2, q + step * 2, a, b);
        const f3 = at.f(t3, p + step * 3, q + step * 3, a, b);
        v0 = lanes.add(v0, lanes.add(lanes.add(f0, f1), lanes.add(f2, f3)));
        w0 = lanes.add(w0, lanes.add(lanes.madd(f1, t1, lanes.mul(f0, t0)), lanes.madd(f3, t3, lanes.mul(f2, t2))));
        if (term.usesP())
          m = lanes.max(m, lanes.max(lanes.max(lanes.abs(t0), lanes.abs(t1)), lanes.max(lanes.abs(t2), lanes.abs(t3))));
      }
      {
        const t0 = at.t(x + step * 4, high, low);
        const t1 = at.t(x + step * 5, high, low);
        const t2 = at.t(x + step * 6, high, low);
        const t3 = at.t(x + step * 7, high, low);
        const f0 = at.f(t0, p + step * 4, q + step * 4, a, b);
        const f1 = at.f(t1, p + step * 5, q + step * 5, a, b);
        const f2 = at.f(t2, p + step * 6, q + step * 6, a, b);
        const f3 = at.f(t3, p + step * 7, q + step * 7, a, b);
        v1 = lanes.add(v1, lanes.add(lanes.add(f0, f1), lanes.add(f2, f3)));
        w1 = lanes.add(w1, lanes.add(lanes.madd(f1, t1, lanes.mul(f0, t0)), lanes.madd(f3, t3, lanes.mul(f2, t2))));
        if (term.usesP())
          m = lanes.max(m, lanes.max(lanes.max(lanes.abs(t0), lanes.abs(t1)), lanes.max(lanes.abs(t2), lanes.abs(t3))));
      }
      x += step * QUADS;
      if (term.usesP()) p += step * QUADS;
      if (term.usesQ()) q += step * QUADS;
    } while (x < blockEnd);
    sums = f64x2.add(sums, lanes.fold(lanes.add(v0, v1), lanes.add(w0, w1)));
  }

  // Less than two quads are left: whole vectors, then the lanes that belong to the row.
  if (x < end) {
    let v = none;
    let w = none;
    const vectorsEnd = end - ((end - x) % step);
    while (x < vectorsEnd) {
      const t = at.t(x, high, low);
      const f = at.f(t, p, q, a, b);
      v = lanes.add(v, f);
      w = lanes.madd(f, t, w);
      if (term.usesP()) m = lanes.max(m, lanes.abs(t));
      x += step;
      if (term.usesP()) p += step;
      if (term.usesQ()) q += step;
    }
    if (x < end) {
      const n = <i32>((end - x) / lanes.bytes());
      const t = lanes.keep(centre.of<L>(lanes.loadPart(x, n), high, low), n);
      const pn = term.usesP() ? lanes.loadPart(p, n) : none;
      const qn = term.usesQ() ? lanes.loadPart(q, n) : none;
      const f = lanes.keep(term.of<L>(t, pn, qn, a, b, none, none), n);
      v = lanes.add(v, f);
      w = lanes.madd(f, t, w);
      if (term.usesP()) m = lanes.max(m, lanes.abs(t));
    }
    sums = f64x2.add(sums, lanes.fold(v, w));
  }

  sum0 = f64x2.extract_lane(sums, 0);
  sum1 = f64x2.extract_lane(sums, 1);
  if (term.usesP()) largest = lanes.largest(m);
}

/**
 * out = T(t, p, q) over one row, where t = x - (high + low). out may be x, p or q.
 */
export function mapRow<L, C, T>(
  x: usize,
  p: usize,
  q: usize,
  out: usize,
  size: i32,
  high: v128,
  low: v128,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const formula = changetype<T>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const none = f64x2.splat(0);

  const end = out + <usize>size * lanes.bytes();
  // Double serves rare rows: it does without the groups.
  const groupsEnd = lanes.width() == 4 ? end - ((end - out) % (step * GROUP)) : out;
  while (lanes.width() == 4 && out < groupsEnd) {
    const t0 = formula.usesT() ? centre.of<L>(lanes.load(x), high, low) : none;
    const t1 = formula.usesT() ? centre.of<L>(lanes.load(x + step), high, low) : none;
    const t2 = formula.usesT() ? centre.of<L>(lanes.load(x + step * 2), high, low) : none;
    const t3 = formula.usesT() ? centre.of<L>(lanes.load(x + step * 3), high, low) : none;
    const p0 = formula.usesP() ? lanes.load(p) : none;
    const p1 = formula.usesP() ? lanes.load(p + step) : none;
    const p2 = formula.usesP() ? lanes.load(p + step * 2) : none;
    const p3 = formula.usesP() ? lanes.load(p + step * 3) : none;
    const q0 = formula.usesQ() ? lanes.load(q) : none;
    const q1 = formula.usesQ() ? lanes.load(q + step) : none;
    const q2 = formula.usesQ() ? lanes.load(q + step * 2) : none;
    const q3 = formula.usesQ() ? lanes.load(q + step * 3) : none;
    lanes.store(out, formula.of<L>(t0, p0, q0, a, b, c, d));
    lanes.store(out + step, formula.of<L>(t1, p1, q1, a, b, c, d));
    lanes.store(out + step * 2, formula.of<L>(t2, p2, q2, a, b, c, d));
    lanes.store(out + step * 3, formula.of<L>(t3, p3, q3, a, b, c, d));
    if (formula.usesT()) x += step * GROUP;
    if (formula.usesP()) p += step * GROUP;
    if (formula.usesQ()) q += step * GROUP;
    out += step * GROUP;
  }
  const vectorsEnd = end - ((end - out) % step);
  while (out < vectorsEnd) {
    const t = formula.usesT() ? centre.of<L>(lanes.load(x), high, low) : none;
    const pn = formula.usesP() ? lanes.load(p) : none;
    const qn = formula.usesQ() ? lanes.load(q) : none;
    lanes.store(out, formula.of<L>(t, pn, qn, a, b, c, d));
    if (formula.usesT()) x += step;
    if (formula.usesP()) p += step;
    if (formula.usesQ()) q += step;
    out += step;
  }
  if (out < end) {
    const n = <i32>((end - out) / lanes.bytes());
    const t = formula.usesT() ? centre.of<L>(lanes.loadPart(x, n), high, low) : none;
    const pn = formula.usesP() ? lanes.loadPart(p, n) : none;
    const qn = formula.usesQ() ? lanes.loadPart(q, n) : none;
    lanes.storePart(out, formula.of<L>(t, pn, qn, a, b, c, d), n);
  }
}

/** The smallest or largest element of one row; NaN where there is one. */
export function extremeRow<L, M>(x: usize, size: i32): f64 {
  const lanes = changetype<L>(0);
  const extreme = changetype<M>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const end = x + <usize>size * lanes.bytes();
  let m0 = lanes.loadSplat(x);
  let m1 = m0;
  const pairsEnd = end - ((end - x) % (step * 2));
  while (x < pairsEnd) {
    m0 = extreme.of(m0, lanes.load(x));
    m1 = extreme.of(m1, lanes.load(x + step));
    x += step * 2;
  }
  while (x < end) {
    m0 = extreme.of(m0, lanes.loadSplat(x));
    x += lanes.bytes();
  }
  m0 = extreme.of(m0, m1);
  m0 = extreme.of(m0, f32x4.shuffle(m0, m0, 2, 3, 2, 3));
  m0 = extreme.of(m0, f32x4.shuffle(m0, m0, 1, 1, 1, 1));
  return <f64>f32x4.extract_lane(m0, 0);
}

/**
 * gainSums[j] += u t r and biasSums[j] += u for every column j of one row. The sums have room for whole vectors: their
 * length is rounded up to a multiple of four.
 */
export function sumColumns<L, C>(
  x: usize,
  u: usize,
  mean: f64,
  rstd: f64,
  gainSums: usize,
  biasSums: usize,
  size: i32,
): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const sumsStep = sizeof<f64>() * <usize>lanes.width();
  const high = lanes.splat(mean);
  const low = lanes.splat(mean - <f64>(<f32>mean));
  const r = lanes.splat(rstd);

  const end = u + <usize>size * lanes.bytes();
  const vectorsEnd = end - ((end - u) % step);
  while (u < vectorsEnd) {
    const v = lanes.load(u);
    lanes.accumulate(gainSums, lanes.mul(v, lanes.mul(centre.of<L>(lanes.load(x), high, low), r)));
    lanes.accumulate(biasSums, v);
    gainSums += sumsStep;
    biasSums += sumsStep;
    x += step;
    u += step;
  }
  if (u < end) {
    const n = <i32>((end - u) / lanes.bytes());
    const v = lanes.loadPart(u, n);
    const t = centre.of<L>(lanes.loadPart(x, n), high, low);
    lanes.accumulate(gainSums, lanes.keep(lanes.mul(v, lanes.mul(t, r)), n));
    lanes.accumulate(biasSums, v);
  }
}

/**
 * The same for a block of four rows, rowBytes apart, whose means and rstds lie side by side: the lanes' precision adds
 * within the block, f64 across blocks. Whole vectors only.
 */
export function sumColumnsOfBlock<L, C>(
  x: usize,
  u: usize,
  rowBytes: usize,
  means: usize,
  rstds: usize,
  gainSums: usize,
  biasSums: usize,
  size: i32,
): void {
  const lanes = changetype<L>(0);
  const centre = changetype<C>(0);
  const step = lanes.bytes() * <usize>lanes.width();
  const sumsStep = sizeof<f64>() * <usize>lanes.width();

  const mean0 = load<f64>(means);
  const mean1 = load<f64>(means, 8);
  const mean2 = load<f64>(means, 16);
  const mean3 = load<f64>(means, 24);
  const high0 = lanes.splat(mean0);
  const high1 = lanes.splat(mean1);
  const high2 = lanes.splat(mean2);
  const high3 = lanes.splat(mean3);
  const low0 = lanes.splat(mean0 - <f64>(<f32>mean0));
  const low1 = lanes.splat(mean1 - <f64>(<f32>mean1));
  const low2 = lanes.splat(mean2 - <f64>(<f32>mean2));
  const low3 = lanes.splat(mean3 - <f64>(<f32>mean3));
  const r0 = lanes.splat(load<f64>(rstds));
  const r1 = lanes.splat(load<f64>(rstds, 8));
  const r2 = lanes.splat(load<f64>(rstds, 16));
  const r3 = lanes.splat(load<f64>(rstds, 24));

  const end = u + ((<usize>size * lanes.bytes()) / step) * step;
  while (u < end) {
    const u0 = lanes.load(u);
    const u1 = lanes.load(u + rowBytes);
    const u2 = lanes.load(u + rowBytes * 2);
    const u3 = lanes.load(u + rowBytes * 3);
    lanes.accumulate(biasSums, lanes.add(lanes.add(u0, u1), lanes.add(u2, u3)));
    const y0 = lanes.mul(centre.of<L>(lanes.load(x), high0, low0), r0);
    const y1 = lanes.mul(centre.of<L>(lanes.load(x + rowBytes), high1, low1), r1);
    const y2 = lanes.mul(centre.of<L>(lanes.load(x + rowBytes * 2), high2, low2), r2);
    const y3 = lanes.mul(centre.of<L>(lanes.load(x + rowBytes * 3), high3, low3), r3);
    const w = lanes.madd(u1, y1, lanes.mul(u0, y0));
    lanes.accumulate(gainSums, lanes.add(w, lanes.madd(u3, y3, lanes.mul(u2, y2))));
    gainSums += sumsStep;
    biasSums += sumsStep;
    x += step;
    u += step;
  }
}

/** out = sums, or out += sums, rounded to f32 once. */
export function addColumns(sums: usize, out: usize, size: i32, accumulate: bool): void {
  for (let i: usize = 0; i < <usize>size; i++) {
    const before = accumulate ? <f64>load<f32>(out + (i << 2)) : 0;
    store<f32>(out + (i << 2), <f32>(before + load<f64>(sums + (i << 3))));
  }
}
