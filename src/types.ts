/**
 * The public types. Everywhere a batch is `rows x size`, row-major: one row is one normalised vector of `size` (H)
 * elements. A tensor of any rank whose trailing axes are normalised is such a batch; `size` is the product of those
 * axes.
 */

export type * from "./types/calls.js";
export type * from "./types/elements.js";
export type * from "./types/kernels.js";
export type * from "./types/matrix.js";
export type * from "./types/norm.js";
export type * from "./types/options.js";
export type * from "./types/rows.js";
