/** Which families are measured at which sizes, on how many rows. */
import { BOUNDED, boundOf, type Quantity } from "./bounds.ts";
import { FAMILIES, type Family, isStored } from "./families.ts";
import { type Measurement, measure } from "./measure.ts";

export interface Task {
  family: Family;
  size: number;
  rows: number;
}

interface Effort {
  sizes: readonly number[];
  /** The approximate number of elements of a family at one size. */
  elements: number;
  fewestRows: number;
  mostRows: number;
  /** Sizes and rows of the families that measure the columns. */
  columns: readonly { size: number; rows: number }[];
}

const SIZES = [1, 2, 3, 7, 64, 255, 768, 4096];

const QUICK: Effort = {
  sizes: SIZES,
  elements: 12_000,
  fewestRows: 4,
  mostRows: 1000,
  columns: [
    { size: 8, rows: 16_000 },
    { size: 72, rows: 2000 },
  ],
};

const FULL: Effort = {
  sizes: [...SIZES, 65_536, 1_000_000],
  elements: 60_000,
  fewestRows: 2,
  mostRows: Number.POSITIVE_INFINITY,
  columns: [
    { size: 8, rows: 1_000_000 },
    { size: 12, rows: 250_003 },
    { size: 72, rows: 40_003 },
  ],
};

/** Rows that row reductions are measured on. */
export const REDUCTION_SIZES = FULL.sizes;

/** Storages and residuals use the same kernels, so the other families have measured long rows already. */
const QUICK_STORED: Effort = { ...QUICK, elements: 6000, mostRows: 300 };
const FULL_STORED: Effort = { ...FULL, sizes: [...SIZES, 65_536], elements: 16_000, fewestRows: 1 };

/** The effect of a special dL/dy shows in rows of any length. */
const FULL_SHAPED: Effort = { ...FULL, sizes: SIZES };

function effortFor(family: Family, quick: boolean): Effort {
  if (family.upstream !== undefined && !quick) return FULL_SHAPED;
  if (isStored(family)) return quick ? QUICK_STORED : FULL_STORED;
  return quick ? QUICK : FULL;
}

export function planFor(family: Family, quick: boolean): Task[] {
  const { sizes, elements, fewestRows, mostRows, columns } = effortFor(family, quick);
  if (family.columns) return columns.map(({ size, rows }) => ({ family, size, rows }));
  return sizes.map((size) => {
    const rows = Math.min(Math.max(fewestRows, Math.ceil(elements / size)), mostRows);
    return { family, size, rows };
  });
}

export function plan(quick: boolean): Task[] {
  return FAMILIES.flatMap((family) => planFor(family, quick));
}

export const DEFAULT_SEED = "1";

export function perform({ family, size, rows }: Task, seed = DEFAULT_SEED): Measurement {
  return measure(family, size, rows, seed);
}

export interface Violation {
  family: string;
  size: number;
  quantity: Quantity;
  value: number;
  bound: number;
  at: string;
}

/** The bounds that the kernels missed. */
export function violations({ family, size, ours }: Measurement): Violation[] {
  return BOUNDED.flatMap((quantity) => {
    const worst = ours[quantity];
    const bound = boundOf(quantity, size);
    return worst && !(worst.value <= bound) ? [{ family, size, quantity, ...worst, bound }] : [];
  });
}

export function describeViolation({ family, size, quantity, value, bound, at }: Violation): string {
  return `${family}, H = ${size}: ${quantity} ${value.toPrecision(4)}, bound ${bound} (${at})`;
}
