/**
 * The sum of rows by segment, which the gradient of gather needs and the WebAssembly backend lacks. It is in plain
 * JavaScript, on the backend's own memory, because it takes only one addition for each element.
 */
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

export function mendGather(): void {
  if (tf.getKernel(tf.UnsortedSegmentSum, "wasm")) return;
  tf.registerKernel({
    kernelName: tf.UnsortedSegmentSum,
    backendName: "wasm",
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { x, segmentIds } = inputs as Record<"x" | "segmentIds", tf.TensorInfo>;
      const { numSegments } = attrs as unknown as tf.UnsortedSegmentSumAttrs;
      const wasm = backend as BackendWasm;
      const width = x.shape.slice(segmentIds.shape.length).reduce((product, length) => product * length, 1);
      const output = wasm.makeOutput([numSegments, ...x.shape.slice(segmentIds.shape.length)], "float32");
      // Views are made after all allocations, because growth of the memory detaches them.
      const sums = wasm.typedArrayFromHeap(output) as Float32Array;
      const rows = wasm.typedArrayFromHeap(x) as Float32Array;
      const segments = wasm.typedArrayFromHeap(segmentIds) as Int32Array;
      sums.fill(0);
      segments.forEach((segment, row) => {
        if (segment < 0 || segment >= numSegments) return;
        for (let i = 0; i < width; i++) {
          sums[segment * width + i] = (sums[segment * width + i] as number) + (rows[row * width + i] as number);
        }
      });
      return output;
    },
  });
}
