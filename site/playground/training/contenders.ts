/** The networks that compete in the page: one without a norm, and one for each norm of the package. */
import type { Kernels, Norm } from "adanorm";
import type { NormName } from "adanorm/reference";
import { type Held, NORMS, type NormChoice } from "../../../examples/digits/contenders.ts";

export type ContenderId = "none" | NormName;

export interface Contender {
  id: ContenderId;
  title: string;
  affine: boolean;
  /** Undefined where there is no norm. */
  make?: (kernels: Kernels, size: number, held: Held) => Norm;
}

const TITLES: Record<NormChoice["name"], string> = {
  layerNorm: "LayerNorm",
  layerNormSimple: "LayerNorm-simple",
  detachNorm: "DetachNorm",
  adaNorm: "AdaNorm",
  rmsNorm: "RMSNorm",
};

export const CONTENDERS: readonly Contender[] = [
  { id: "none", title: "No norm", affine: false },
  ...NORMS.map(({ name, affine, make }) => ({ id: name, title: TITLES[name], affine, make })),
  {
    id: "l2Norm",
    title: "Unit vectors",
    affine: false,
    // Its gradient has no mean that could be held constant.
    make: (kernels, size, { detachStd = false }) => kernels.l2Norm({ size, detachStd }),
  },
];

export type Theorem = NonNullable<NormChoice["theorem"]>;

/** What the paper proves of dL/dx, given what is held constant. Undefined for norms that the theorem is not about. */
export function theoremOf(id: ContenderId, { detachMean, detachStd }: Held): Theorem | undefined {
  const theorem = NORMS.find(({ name }) => name === id)?.theorem;
  return (
    theorem && {
      mean: detachMean ? "kept" : theorem.mean,
      variance: detachStd ? "kept" : theorem.variance,
    }
  );
}
