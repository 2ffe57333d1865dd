/** Compiled with the library of ECMAScript 2022 only, as in a program for Node without its types: this must be enough. */
import { load, loadSync } from "adanorm";
import { forward } from "adanorm/reference";

export async function use(bytes: Uint8Array): Promise<number> {
  const kernels = await load({ module: bytes });
  using matrix = kernels.matrix(2, 4);
  const { y, mean } = loadSync({ module: bytes.buffer as ArrayBuffer })
    .adaNorm({ size: 4 })
    .forward(matrix.toArray());
  // @ts-expect-error: text is no module
  await load({ module: "adanorm.wasm" });
  return (y[0] ?? 0) + (mean[0] ?? 0) + (forward("rmsNorm", y, { size: 4 }).rstd[0] ?? 0);
}
