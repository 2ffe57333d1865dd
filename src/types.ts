/**
 * The public types. A batch is always `rows x size`, row-major: one row is one normalised vector of `size` (H) elements. A
 * tensor of any rank is such a batch if its last axes are normalised; `size` is the product of their lengths.
 */

export type * from "./types/calls.js";
export type * from "./types/elements.js";
export type * from "./types/kernels.js";
export type * from "./types/matrix.js";
export type * from "./types/norm.js";
export type * from "./types/options.js";
export type * from "./types/rows.js";
export type * from "./types/storage.js";
