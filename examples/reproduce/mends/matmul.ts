/**
 * The gradient of matMul with its transposes written out.
 *
 * The stock gradient asks the WebAssembly backend for products of transposed matrices. To transpose first and then
 * multiply is ten times as fast.
 */
import * as tf from "@tensorflow/tfjs-core";

/** The matrix with its last two axes exchanged, for any rank. */
function transposed(x: tf.Tensor): tf.Tensor {
  const axes = x.shape.map((_, axis) => axis);
  return tf.transpose(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2]);
}

export function mendMatMul(): void {
  tf.registerGradient({
    kernelName: tf.BatchMatMul,
    inputsToSave: ["a", "b"],
    gradFunc: (dy, saved, attributes) => {
      if (Array.isArray(dy)) throw new Error("matMul has one output");
      const [a, b] = saved as [tf.Tensor, tf.Tensor];
      const { transposeA, transposeB } = attributes as unknown as tf.BatchMatMulAttrs;
      // The factors of the product a' b'. Their gradients are dy b'^T and a'^T dy.
      const leftT = () => (transposeA ? a : transposed(a));
      const rightT = () => (transposeB ? b : transposed(b));
      return {
        a: () => (transposeA ? transposed(tf.matMul(dy, rightT())) : tf.matMul(dy, rightT())),
        b: () => (transposeB ? transposed(tf.matMul(leftT(), dy)) : tf.matMul(leftT(), dy)),
      };
    },
  });
}
