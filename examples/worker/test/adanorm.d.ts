/**
 * What "adanorm" means to the type checker of the repository while nothing is installed in this folder, which has a
 * package.json of its own and so is not the package itself. A pattern, because only patterns give way to an installed
 * package; with the star in front, so that it does not cover "adanorm/...".
 */
declare module "*adanorm" {
  export const loadSync: typeof import("../../../src/index.ts").loadSync;
  export type AdaNormOptions = import("../../../src/types.ts").AdaNormOptions;
  export type Kernels = import("../../../src/types.ts").Kernels;
  export type Norm = import("../../../src/types.ts").Norm;
}
