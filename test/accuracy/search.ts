/**
 * A climbing search for the worst case of each bound: from structured rows, step by step, to rows whose errors are larger.
 *
 * A step changes an element or two, dL/dy or an option, often in every period of a row alike, so that equal rounding
 * errors add up. A step that makes the error smaller is undone.
 */
import { boundOf, inUnits, magnified, type Quantity, ULP, ulpAt } from "./bounds.ts";
import { CASES, type Case, ExactRow, isOrigin } from "./exact.ts";
import { ColumnSums, type Moments } from "./oracle.ts";
import { Random } from "./random.ts";
import { sharingOf, spread } from "./sharing.ts";
import { kernelsSubject, type NormName, type Options, type Subject } from "./subjects.ts";

export interface Found {
  quantity: Quantity;
  /** The norm, or the case of backward. */
  label: string;
  /** The largest error of any climb, and the size at which it was. */
  value: number;
  size: number;
  bound: number;
}

/** The current point of a climb. */
interface Point {
  x: Float32Array;
  /** One row of dL/dy or, for sums down columns, as many as repeat. */
  dy: Float32Array;
  gain: Float32Array;
  options: Options;
}

/** The error that a climb makes large. */
interface Goal {
  quantity: Quantity;
  /**
   * Chooses the random numbers of its climbs, together with the seed. Default: the quantity. When a name changes, this
   * keeps the figures.
   */
  drawnBy?: string;
  label: string;
  sizes: readonly number[];
  usesDy: boolean;
  /** Rows of dL/dy. */
  rows: number;
  /** Whether eps stays 0, so that 1 / rstd^2 is the variance. */
  withoutEps?: boolean;
  error(point: Point, exact: ExactRow, subject: Subject): number;
}

const SIZES = [64, 96, 256, 768];

function worst(got: ArrayLike<number>, want: Float64Array, unitOf: (i: number) => number): number {
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    const error = inUnits((got[i] as number) - (want[i] as number), ULP * unitOf(i));
    if (error > largest) largest = error;
  }
  return largest;
}

function forwardGoals(norm: NormName): Goal[] {
  const about = isOrigin(norm);
  const isL2 = norm === "l2Norm";
  const goal = (quantity: Quantity, error: Goal["error"], sizes = SIZES, withoutEps = false): Goal => {
    return { quantity, label: norm, sizes, usesDy: false, rows: 0, withoutEps, error };
  };
  const short = [3, 17, ...SIZES];
  const unitFor = ({ mean, squares }: Moments, { size }: Options) =>
    about ? 1 : magnified(mean.high, squares.high, size);
  if (norm === "adaNorm") {
    const y: Goal["error"] = ({ x, options }, exact, subject) => {
      exact.set(x, options);
      return worst(subject.forward(norm, x, options).y, exact.y, (i) => exact.yUnits[i] as number);
    };
    return [{ ...goal("y", y, short), drawnBy: "z" }];
  }
  return [
    goal("rstd", ({ x, options }, exact, subject) => {
      const unit = unitFor(exact.set(x, options), options);
      const want = isL2 ? exact.rstdL2 : about ? exact.rstdRms : exact.rstd;
      return inUnits((subject.forward(norm, x, options).rstd[0] as number) - want, unit * ulpAt(want));
    }),
    goal(
      "variance",
      ({ x, options }, exact, subject) => {
        const unit = unitFor(exact.set(x, options), options);
        const want = isL2 ? exact.sumSquare : about ? exact.square : exact.variance;
        return inUnits((subject.forward(norm, x, options).rstd[0] as number) ** -2 - want, unit * ulpAt(want));
      },
      SIZES,
      true,
    ),
    {
      ...goal(
        "z",
        ({ x, options }, exact, subject) => {
          exact.set(x, options);
          const ofOrigin = isL2 ? [exact.zL2, exact.zL2Units] : [exact.zRms, exact.zRmsUnits];
          const [want, units] = (about ? ofOrigin : [exact.z, exact.zUnits]) as [Float64Array, Float64Array];
          return worst(subject.forward(norm, x, options).y, want, (i) => units[i] as number);
        },
        short,
      ),
      drawnBy: "y",
    },
  ];
}

function backwardGoal(one: Case): Goal {
  const { label, norm, detachScale = true, detached, sharedBy } = one;
  const want = new Map<number, Float64Array>();
  return {
    quantity: "dx",
    label,
    sizes: [17, ...SIZES],
    usesDy: true,
    rows: 1,
    error: ({ x, dy, gain, options }, exact, subject) => {
      const { size } = options;
      const sharing = sharedBy && sharingOf(sharedBy, 1, size);
      const own = { ...options, sharing, detachScale, ...(detached && { detachMean: true, detachStd: true }) };
      exact.set(x, own);
      const given = sharing ? gain.slice(0, sharing.count) : gain;
      const ofColumns = sharing ? spread(given, sharing, 0, new Float32Array(size)) : gain;
      const dx = want.get(size) ?? new Float64Array(size);
      want.set(size, dx);
      const unit = exact.gradient(dx, one, dy, own, ofColumns);
      const stats = subject.forward(norm, x, own);
      return worst(subject.backward(norm, dy, x, stats, own, one.params ? { gain: given } : {}).dx, dx, () => unit);
    },
  };
}

/** Rows that are summed down the columns: the same x in all, dL/dy again and again after PERIOD. */
const ROWS = 56;
const PERIOD = 16;

function columnGoal(quantity: "dGain" | "dBias"): Goal {
  const bias = new Float32Array(64);
  return {
    quantity,
    label: "layerNorm",
    sizes: [64],
    usesDy: true,
    rows: PERIOD,
    error: ({ x, dy, gain, options }, exact, subject) => {
      const { size } = options;
      exact.set(x, options);
      const rows = Float32Array.from({ length: ROWS * size }, (_, i) => x[i % size] as number);
      const upstream = Float32Array.from({ length: ROWS * size }, (_, i) => dy[i % dy.length] as number);
      const sums = new ColumnSums(size);
      for (let row = 0; row < ROWS; row++) {
        const dyRow = upstream.subarray(row * size, (row + 1) * size);
        sums.addRow(dyRow, quantity === "dGain" ? exact.z : undefined);
      }
      const stats = subject.forward("layerNorm", rows, options);
      const got = subject.backward("layerNorm", upstream, rows, stats, options, { gain, bias })[
        quantity
      ] as Float32Array;
      let largest = 0;
      for (let i = 0; i < size; i++) {
        const error = inUnits(sums.off(got[i] as number, i), 2 * ULP * (sums.units[i] as number));
        if (error > largest) largest = error;
      }
      return largest;
    },
  };
}

const GOALS: readonly Goal[] = [
  ...forwardGoals("layerNormSimple"),
  ...forwardGoals("rmsNorm"),
  ...forwardGoals("l2Norm"),
  ...forwardGoals("adaNorm"),
  // One row is of one sample.
  ...CASES.filter(({ sharedBy }) => sharedBy !== "samples").map(backwardGoal),
  columnGoal("dGain"),
  columnGoal("dBias"),
];

/** The first rows of a climb. They are periodic; the sign changes in each period, or all elements are on one side of 0. */
function start(random: Random, size: number, period: number): Float32Array {
  const kind = random.integer(5);
  const far = [random.between(-1, 1), random.between(-3, 3), random.between(-30, 30)];
  const offset = [0, 0, ...far][random.integer(5)] as number;
  const turns = random.uniform() < 0.5;
  const part = Array.from({ length: period }, (_, i) => {
    if (kind === 0) return random.normal();
    if (kind === 1) return i === 0 ? 10 ** random.between(1, 4) : random.normal();
    if (kind === 2) return random.between(1, 1.5);
    if (kind === 3) return random.sign() * random.between(1, 1.5);
    return i === 0 ? 10 ** random.between(1, 4) : random.sign();
  });
  return Float32Array.from({ length: size }, (_, i) => {
    const value = part[i % period] as number;
    return offset + (turns && Math.floor(i / period) % 2 ? -value : value);
  });
}

/** A number a step away: by a few units in the last place, by a factor, by its sign. */
function step(value: number, random: Random): number {
  switch (random.integer(5)) {
    case 0:
      return value * (1 + (random.integer(64) - 32) * 2 ** -23);
    case 1:
      return value * (1 + random.between(-1, 1) * 2 ** -random.between(1, 20));
    case 2:
      return value * 2 ** random.between(-1, 1);
    case 3:
      return value * 2 ** random.between(-12, 12);
    default:
      return value === 0 ? random.normal() : -value;
  }
}

/** The range of rows and gradients: that of the promise, with room for products. */
const isModerate = (value: number) => value === 0 || (Math.abs(value) > 1e-9 && Math.abs(value) < 1e9);

function changeElements(array: Float32Array, period: number, random: Random): Float32Array {
  const changed = array.slice();
  for (let count = 1 + random.integer(3); count > 0; count--) {
    const first = random.integer(Math.min(period, array.length));
    const value = Math.fround(step(changed[first] as number, random));
    if (!isModerate(value)) continue;
    const before = changed[first] as number;
    for (let i = first; i < array.length; i += period) {
      changed[i] = (changed[i] as number) === -before ? -value : value;
    }
  }
  return changed;
}

function changeAll(array: Float32Array, random: Random): Float32Array {
  const factor = random.uniform() < 0.5 ? 1 + random.between(-0.1, 0.1) : 2 ** random.between(-1, 1);
  const shift = random.uniform() < 0.5 ? 0 : random.normal() * 10 ** random.between(-3, 1);
  const changed = array.map((value) => value * factor + shift);
  return changed.every(isModerate) ? changed : array;
}

function neighbour(
  { x, dy, gain, options }: Point,
  { usesDy, withoutEps }: Goal,
  period: number,
  random: Random,
): Point {
  const what = random.uniform();
  if (usesDy && what < 0.4) {
    const one = random.uniform() < 0.3 ? dy.length : period;
    if (what < 0.02) return { x, dy: dy.map((value) => (random.uniform() < 0.5 ? 0 : value)), gain, options };
    return { x, dy: changeElements(dy, one, random), gain, options };
  }
  if (usesDy && what < 0.5) return { x, dy, gain: changeElements(gain, period, random), options };
  if (what < 0.56) {
    const k = Math.min(Math.max(options.k * 2 ** random.between(-0.5, 0.5), 1e-3), 10);
    const scale = Math.min(Math.max(options.scale * (1 + random.between(-0.1, 0.1)), 0.5), 4);
    return { x, dy, gain, options: { ...options, k, scale } };
  }
  if (what < 0.58) {
    const eps = withoutEps || random.uniform() < 0.5 ? 0 : 1e-5;
    const epsAt = random.uniform() < 0.5 ? "variance" : "std";
    return { x, dy, gain, options: { ...options, eps, epsAt, ddof: random.integer(2) as 0 | 1 } };
  }
  if (what < 0.64) return { x: changeAll(x, random), dy, gain, options };
  return { x: changeElements(x, random.uniform() < 0.3 ? x.length : period, random), dy, gain, options };
}

/** The largest error that one climb of `steps` steps reaches. */
function climb(goal: Goal, size: number, steps: number, subject: Subject, seed: string): number {
  const random = new Random(`${seed}/${goal.drawnBy ?? goal.quantity}/${goal.label}/${size}`);
  const exact = new ExactRow(size);
  const period = [8, 16, 32, 64, size][random.integer(5)] as number;
  const length = Math.max(goal.rows, 1) * size;
  const dyKind = random.integer(3);
  const { quantity } = goal;
  let point: Point = {
    x: start(random, size, Math.min(period, size)),
    dy: Float32Array.from({ length }, () => (dyKind === 0 ? 1 : dyKind === 1 ? random.normal() : 0)),
    gain: Float32Array.from({ length: size }, () => 1 + 0.3 * random.normal()),
    options: {
      size,
      eps: 0,
      epsAt: "variance",
      ddof: 0,
      scale: 1,
      k: random.between(0.05, 0.5),
      detachScale: true,
      dtype: "f32",
    },
  };
  if (dyKind === 2) point.dy[random.integer(length)] = 1;
  let error = 0;
  for (let i = 0; i < steps; i++) {
    const next = i === 0 ? point : neighbour(point, goal, Math.min(period, size), random);
    // Constant rows have no z and another bound, so the climb avoids them.
    if (next.x.every((value) => value === next.x[0])) continue;
    const found = goal.error(next, exact, subject);
    if (found >= error) {
      error = found;
      point = next;
    }
    if (error > boundOf(quantity, size)) break;
  }
  return error;
}

/** Steps of one climb, and climbs of a goal at a size. */
export interface SearchEffort {
  steps: number;
  climbs: number;
}

export const QUICK_SEARCH: SearchEffort = { steps: 400, climbs: 1 };
export const FULL_SEARCH: SearchEffort = { steps: 2000, climbs: 4 };

/** The number of goals, for `search` to be called with each. */
export const GOAL_COUNT = GOALS.length;

/** Searches for the worst case of goal number `index`. */
export function search(index: number, effort: SearchEffort, seed: string, subject = kernelsSubject()): Found {
  const goal = GOALS[index] as Goal;
  const { steps, climbs } = effort;
  const { quantity, label } = goal;
  let found: Found | undefined;
  for (const size of goal.sizes) {
    for (let i = 0; i < climbs; i++) {
      // The cost of a step grows with the number of elements, so small goals get more steps.
      const cost = 1 + (goal.rows > 1 ? 3 : size / 128);
      const value = climb(goal, size, Math.ceil((steps * 2) / cost), subject, `${seed}/${i}`);
      const bound = boundOf(quantity, size);
      if (!found || value / bound > found.value / found.bound) found = { quantity, label, value, size, bound };
    }
  }
  return found as Found;
}

export function describeFound({ quantity, label, value, size, bound }: Found): string {
  return `search, H = ${size}: ${quantity} of ${label} ${value.toPrecision(4)}, bound ${bound}`;
}
