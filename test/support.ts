/** What the tests share: random rows, the norms, and the bounds that results are held to. */
import type { AdaNormOptions, DType, Kernels, Norm } from "adanorm";
import type { NormName, ReferenceOptions } from "adanorm/reference";
import * as reference from "adanorm/reference";
import { expect } from "vitest";

/** The unit of all bounds: the spacing of f32 at 1. */
export const ULP = 2 ** -23;

export const NORMS: readonly NormName[] = [
  "layerNorm",
  "layerNormSimple",
  "detachNorm",
  "adaNorm",
  "rmsNorm",
  "l2Norm",
];

/** Whether a norm has gain and bias. */
export function hasParams(name: NormName): boolean {
  return name === "layerNorm" || name === "rmsNorm";
}

export function makeNorm(kernels: Kernels, name: NormName, options: AdaNormOptions): Norm {
  return kernels[name](options);
}

/** Evenly distributed numbers in [0, 1), the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Arrays that were made before. Tests ask for the same numbers many times, and making them would take most of the time. */
const made = new Map<string, Float32Array | Uint16Array>();

function remembered<T extends Float32Array | Uint16Array>(key: string, make: () => T): T {
  const array = (made.get(key) as T | undefined) ?? make();
  made.set(key, array);
  return array.slice() as T;
}

/** Normally distributed f32, the same for the same seed. */
export function normal(length: number, seed: number, mean = 0, std = 1): Float32Array {
  return remembered(`${length} ${seed} ${mean} ${std}`, () => {
    const next = random(seed);
    const values = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      values[i] = mean + std * radius * Math.cos(2 * Math.PI * next());
    }
    return values;
  });
}

/** The same as elements of a dtype. */
export function normalOf(dtype: DType, length: number, seed: number, std = 1): Float32Array | Uint16Array {
  return remembered(`${dtype} ${length} ${seed} ${std}`, () => reference.encode(normal(length, seed, 0, std), dtype));
}

/** All combinations of one value from each list. */
export function combinations<T extends Record<string, readonly unknown[]>>(
  lists: T,
): { [K in keyof T]: T[K][number] }[] {
  let result: Record<string, unknown>[] = [{}];
  for (const [key, values] of Object.entries(lists)) {
    result = result.flatMap((one) => values.map((value) => ({ ...one, [key]: value })));
  }
  return result as { [K in keyof T]: T[K][number] }[];
}

/** The index of an element's gain among those of all samples. */
function paramAt(elements: number, index: number, { size, gain }: ReferenceOptions): number {
  const perSample = (elements * size) / (gain?.length ?? size);
  return Math.floor(index / perSample) * size + (index % size);
}

/** The bounds of the errors of forward: one for each element of y. */
export function forwardBounds(name: NormName, x: Float32Array, options: ReferenceOptions): Float64Array {
  const { size, scale = 1, k = 0.1, gain } = options;
  const { mean, rstd, y } = reference.forward(name, x, options);
  return Float64Array.from(x, (value, index) => {
    const row = Math.floor(index / size);
    const z = Math.abs((value - (mean[row] as number)) * (rstd[row] as number));
    // Where no mean is subtracted, nothing cancels; elements of unit vectors are small. The smallest f32 are all 2^-149 apart.
    const unit = name === "l2Norm" ? Math.max(ULP * z, 2 ** -149) : ULP * Math.max(1, z);
    if (name === "adaNorm") return 4 * unit * scale * (1 + 2 * k * z);
    // The gain's product and the bias's sum are rounded once each.
    const factor = Math.abs(gain?.[paramAt(x.length, index, options)] ?? 1);
    const rounding = hasParams(name) ? ULP * (factor * z + Math.abs(y[index] as number)) : 0;
    return 3 * unit * factor + rounding;
  });
}

/** The bounds of the errors of gradients: one for each element of dx, dGain and dBias. */
export function backwardBounds(name: NormName, dy: Float32Array, x: Float32Array, options: ReferenceOptions) {
  const { size, scale = 1, k = 0.1, detachScale = true, gain } = options;
  const { mean, rstd } = reference.forward(name, x, options);
  const dx = new Float64Array(x.length);
  const dGain = new Float64Array(gain?.length ?? size);
  const dBias = new Float64Array(gain?.length ?? size);
  for (let row = 0; row < x.length / size; row++) {
    let largest = 0;
    for (let i = 0; i < size; i++) {
      const at = row * size + i;
      const dyi = Math.abs(dy[at] as number);
      const z = ((x[at] as number) - (mean[row] as number)) * (rstd[row] as number);
      const param = paramAt(x.length, at, options);
      let dzi = dyi * Math.abs(gain?.[param] ?? 1);
      if (name === "adaNorm") dzi = Math.abs(dyi * scale * (1 - (detachScale ? 1 : 2) * k * z));
      largest = Math.max(largest, dzi);
      dGain[param] = (dGain[param] as number) + 2 * ULP * dyi * Math.max(1, Math.abs(z));
      dBias[param] = (dBias[param] as number) + 2 * ULP * dyi;
    }
    dx.fill((size > 65536 ? 4 : 3) * ULP * (rstd[row] as number) * largest, row * size, (row + 1) * size);
  }
  return { dx, dGain, dBias };
}

/** Fails with the first element that is further from what is expected than its bound. NaN equals NaN. */
export function expectWithin(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  bound: ArrayLike<number>,
  what: string,
): void {
  // `expect` would take most of the time of tests that call this a thousand times.
  if (got.length !== want.length) expect.fail(`${what}: length: got ${got.length}, expected ${want.length}`);
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs((got[i] as number) - (want[i] as number));
    const same = Object.is(got[i], want[i]) || got[i] === want[i];
    if (!same && !(error <= (bound[i] as number))) {
      expect.fail(`${what}: element ${i}: got ${got[i]}, expected ${want[i]} +- ${bound[i]} (off by ${error})`);
    }
  }
}

/** Fails unless both hold the same bytes. */
export function expectSameBytes<T extends Float32Array | Float64Array | Uint16Array>(got: T, want: T, what = ""): void {
  const bytes = (a: T) => Buffer.from(a.buffer, a.byteOffset, a.byteLength);
  if (!bytes(got).equals(bytes(want))) expect.fail(`${what}: expected the same bytes`);
}
