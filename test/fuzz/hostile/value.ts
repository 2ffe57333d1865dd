/** Hostile values: the arguments that they are for, and the outcome that is expected. */
import type { Role } from "./calls.ts";

/** An error that a value throws when it is read. It must come out unchanged. */
export class Own extends Error {}

/**
 * The outcome that is expected:
 *
 *   refused   it must be
 *   honest    it is, or does what the honest argument does
 *   itself    it is, or is good for what it is
 *   spoilt    it spoils other arguments when it is looked at: it is refused, or does whatever; nothing else is written to
 */
export type Fate = "refused" | "honest" | "itself" | "spoilt";

// biome-ignore lint/suspicious/noExplicitAny: the arguments are of every type, and of none.
export type Any = any;

export type Constructor = new (buffer: ArrayBuffer, at: number, length: number) => object;

export interface Value {
  name: string;
  roles: readonly Role[];
  fate: Fate;
  /** Whether it is for arrays only, or for matrices only. */
  kind?: "array" | "matrix" | undefined;
  /** Whether it makes the memory grow, which an instance cannot do often. */
  grows?: boolean;
  make(honest: Any, scene: Any): unknown;
}

export const ARRAYS: readonly Role[] = ["batch", "column", "source"];
export const VIEWS: readonly Role[] = [...ARRAYS, "stat"];
export const OBJECTS: readonly Role[] = ["options", "open options", "strides"];
const NUMBERS: readonly Role[] = ["number", "scale", "integer", "count", "stride", "strides", "ddof", "bytes"];
const CHOICES: readonly Role[] = ["flag", "epsAt", "ddof", "dtype"];
export const ALL: readonly Role[] = [...new Set([...VIEWS, ...OBJECTS, ...NUMBERS, ...CHOICES, "module" as const])];

export const value = (roles: readonly Role[], fate: Fate, make: Value["make"], kind?: Value["kind"]): Value => {
  return { name: `${make}`, roles, fate, make, kind };
};

export const without = (roles: readonly Role[], ...others: Role[]) => roles.filter((role) => !others.includes(role));
