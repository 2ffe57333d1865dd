/** The kernels and the norms made of them. */
import { type AdaNormOptions, type Kernels, loadSync, type Norm } from "adanorm";
import { Refusal } from "./errors.ts";
import { MAX_NORMS } from "./limits.ts";

export const NORMS = ["layerNorm", "layerNormSimple", "adaNorm", "rmsNorm", "detachNorm", "l2Norm"] as const;

/** A norm by its name, and the options that affect forward. */
export interface NormOptions extends Pick<AdaNormOptions, "size" | "eps" | "epsAt" | "ddof" | "scale" | "k"> {
  norm: (typeof NORMS)[number];
}

/**
 * Up to `most` norms by their options. The one that was not used for the longest time is removed first. A norm holds no
 * linear memory and nothing of a batch, so any number of requests can share it.
 */
export class NormCache {
  readonly #kernels: Kernels;
  readonly #most: number;
  readonly #norms = new Map<string, Norm>();

  constructor(kernels: Kernels, most: number) {
    this.#kernels = kernels;
    this.#most = most;
  }

  get count(): number {
    return this.#norms.size;
  }

  /**
   * The values come from the client. The package checks them, and its message can go to the client.
   *
   * @throws Refusal
   */
  get(options: NormOptions): Norm {
    const { norm: name, size, eps, epsAt, ddof, scale, k } = options;
    const key = JSON.stringify([name, size, eps, epsAt, ddof, scale, k]);
    const norm = this.#norms.get(key) ?? this.#make(options);
    // A Map is in order of insertion: the norm that was used last moves to the end.
    this.#norms.delete(key);
    this.#norms.set(key, norm);
    if (this.#norms.size > this.#most) this.#norms.delete(this.#norms.keys().next().value as string);
    return norm;
  }

  #make({ norm, ...options }: NormOptions): Norm {
    try {
      return this.#kernels[norm](options);
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw new Refusal(400, error.message);
      throw error;
    }
  }
}

/** One instance for the isolate. In a Worker the module is already compiled, so nothing waits for it. */
export const kernels = loadSync();

export const norms = new NormCache(kernels, MAX_NORMS);
