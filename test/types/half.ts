/** Only compiled, with libraries that have Float16Array: calls take it and return it. */
import type { HalfArray, Kernels, Matrix, Norm } from "adanorm";

export function halves(kernels: Kernels, norm: Norm, x: Float16Array<ArrayBuffer>): HalfArray {
  const matrix: Matrix<"bf16"> = kernels.matrix(x, 4, "bf16");
  const { y, sum }: { y: Float16Array; sum: Float16Array } = norm.forward(x, { residual: x, gain: x, bias: matrix });
  return norm.backward(y, sum).dx;
}
