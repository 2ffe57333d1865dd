/**
 * The gradient of conv2d, made of convolutions that are fast on the WebAssembly backend. The backend has no kernel for
 * the gradient of the filter, and a slow one for that of the input.
 *
 * Over images of height H (the width goes likewise), with a filter of size K, stride s, output size O and padding p in
 * front, y[o] = sum over k of x[s o + k - p] w[k].
 */
import * as tf from "@tensorflow/tfjs-core";

/** What is known of a convolution along one side. */
interface Side {
  size: number;
  kernel: number;
  stride: number;
  output: number;
  padding: number;
}

/** dW[k] = sum over o of x[s o + k - p] dy[o]: a convolution of x by dy, dilated by s, with the examples as its channels. */
function filterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, [vertical, horizontal]: [Side, Side]): tf.Tensor4D {
  const behind = (side: Side) => side.stride * (side.output - 1) + side.kernel - side.size - side.padding;
  const padded = tf.pad(tf.transpose(x, [3, 1, 2, 0]), [
    [0, 0],
    [vertical.padding, behind(vertical)],
    [horizontal.padding, behind(horizontal)],
    [0, 0],
  ]) as tf.Tensor4D;
  const filter = tf.transpose(dy, [1, 2, 0, 3]) as tf.Tensor4D;
  const dilation: [number, number] = [vertical.stride, horizontal.stride];
  return tf.transpose(tf.conv2d(padded, filter, 1, "valid", "NHWC", dilation), [1, 2, 0, 3]);
}

/**
 * Pads the filter in front along one axis, and behind to a multiple of the stride: then x[s i + a] takes its gradient
 * from dy[i + first + j], where the padded filter has the tap s (taps - 1 - j) + a.
 */
function taps({ kernel, stride, padding }: Side): { front: number; behind: number; count: number; first: number } {
  // The tap of w that takes dy[o] to x[s i + a] is k = s (i - o) + a + p: i - o runs from lowest to highest.
  const lowest = -Math.floor((stride - 1 + padding) / stride);
  const highest = Math.floor((kernel - 1 - padding) / stride);
  const count = highest - lowest + 1;
  const front = -(stride * lowest + padding);
  return { front, behind: count * stride - kernel - front, count, first: -highest };
}

/**
 * The gradient of the input, as one convolution of dy with stride 1 that gives the s x s pixels of a block as channels,
 * which are then moved to where they belong.
 */
function inputGradient(w: tf.Tensor4D, dy: tf.Tensor4D, [vertical, horizontal]: [Side, Side]): tf.Tensor4D {
  const [, , inputs, outputs] = w.shape;
  const [v, h] = [taps(vertical), taps(horizontal)];
  const { stride } = vertical;
  const filter = tf.pad(w, [
    [v.front, v.behind],
    [h.front, h.behind],
    [0, 0],
    [0, 0],
  ]);
  const blocks = tf.reverse(tf.reshape(filter, [v.count, stride, h.count, stride, inputs, outputs]), [0, 2]);
  const turned = tf.reshape(tf.transpose(blocks, [0, 2, 5, 1, 3, 4]), [
    v.count,
    h.count,
    outputs,
    stride * stride * inputs,
  ]) as tf.Tensor4D;
  const along = (side: Side, { first, count }: { first: number; count: number }): [number, number] => {
    const blocksOfInput = Math.ceil(side.size / stride);
    return [-first, blocksOfInput + first + count - 1 - side.output];
  };
  const gaps = [[0, 0], along(vertical, v), along(horizontal, h), [0, 0]] as [number, number][];
  if (gaps.some(([before, after]) => before < 0 || after < 0)) throw new Error("conv2d: no gradient for this padding");
  const pixels = tf.conv2d(tf.pad(dy, gaps) as tf.Tensor4D, turned, 1, "valid");
  // This does not use tf.depthToSpace, which takes longer than the convolution.
  const [batch, rows, columns] = pixels.shape;
  const apart = tf.reshape(pixels, [batch, rows, columns, stride, stride * inputs]);
  const together: [number, number, number, number] = [batch, rows * stride, columns * stride, inputs];
  const dx = tf.reshape<tf.Rank.R4>(tf.transpose(apart, [0, 1, 3, 2, 4]), together);
  return tf.slice(dx, [0, 0, 0, 0], [dy.shape[0], vertical.size, horizontal.size, inputs]);
}

export function mendConvolution(): void {
  tf.registerGradient({
    kernelName: tf.Conv2D,
    inputsToSave: ["x", "filter"],
    gradFunc: (given, saved, attributes) => {
      const dy = given as tf.Tensor4D;
      const [x, w] = saved as [tf.Tensor4D, tf.Tensor4D];
      const { strides, pad, dataFormat, dilations } = attributes as unknown as tf.Conv2DAttrs;
      const info = tf.backend_util.computeConv2DInfo(x.shape, w.shape, strides, dilations, pad as "same" | "valid");
      const square = info.strideHeight === info.strideWidth;
      if (dataFormat !== "NHWC" || !square || info.dilationHeight !== 1 || info.dilationWidth !== 1) {
        throw new Error("conv2d: the gradient is for NHWC, one stride both ways, and no dilation");
      }
      const sides: [Side, Side] = [
        {
          size: info.inHeight,
          kernel: info.filterHeight,
          stride: info.strideHeight,
          output: info.outHeight,
          padding: info.padInfo.top,
        },
        {
          size: info.inWidth,
          kernel: info.filterWidth,
          stride: info.strideWidth,
          output: info.outWidth,
          padding: info.padInfo.left,
        },
      ];
      return { x: () => inputGradient(w, dy, sides), filter: () => filterGradient(x, dy, sides) };
    },
  });
}
