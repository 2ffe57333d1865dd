/** What a request asks for, step by step: norms one after another, the first elements of each row, and fewer bits. */
import { kernels, type NormCache, type NormOptions } from "./norms.ts";

export const FORMS = ["float32", "int8", "bits"] as const;

/** The options of a request. Those of norms are for all of its norms but l2Norm. */
export interface Options extends Omit<NormOptions, "norm"> {
  norms: NormOptions["norm"][];
  /** The elements that are kept of a row: before l2Norm, or after other norms. Default: all. */
  dimensions?: number;
  /** Default float32. */
  as?: (typeof FORMS)[number];
}

/** Rows after all steps: `dimensions` numbers or integers each, or their bits in whole bytes. */
export interface Output {
  values: Float32Array | Int8Array | Uint8Array;
  /** What the integers of each row are multiples of. */
  scale?: Float64Array;
}

export interface Pipeline {
  /** Elements of a row that comes in. */
  readonly size: number;
  /** Elements, and bytes, of a row that goes out. */
  readonly width: number;
  readonly rowBytes: number;
  run(x: Float32Array): Output;
}

/** @throws Refusal if the package refuses an option. */
export function pipelineOf(cache: NormCache, options: Options): Pipeline {
  const { norms, size, dimensions = size, as = "float32", ...others } = options;
  const steps = norms.map((norm) =>
    norm === "l2Norm" ? cache.get({ norm, size: dimensions }) : cache.get({ norm, size, ...others }),
  );
  const rows = kernels.rows(dimensions);
  const width = as === "bits" ? Math.ceil(dimensions / 8) : dimensions;
  return {
    size,
    width,
    rowBytes: as === "float32" ? dimensions * 4 : width,
    run(x) {
      // The distance of rows: that of x until a step writes the first elements alone.
      let rowStride = size;
      let values = x;
      for (const norm of steps) {
        values = norm.forward(values, { rowStride: { x: rowStride }, stats: false }).y;
        rowStride = norm.size;
      }
      if (as === "int8") return rows.int8(values, { rowStride });
      if (as === "bits") return { values: rows.bits(values, { rowStride }) };
      return { values: rowStride === dimensions ? values : firstOf(values, rowStride, dimensions) };
    },
  };
}

/** The first elements of each row. */
function firstOf(values: Float32Array, rowStride: number, dimensions: number): Float32Array {
  const first = new Float32Array((values.length / rowStride) * dimensions);
  for (let row = 0; row * rowStride < values.length; row++) {
    first.set(values.subarray(row * rowStride, row * rowStride + dimensions), row * dimensions);
  }
  return first;
}
