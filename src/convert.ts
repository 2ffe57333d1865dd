/** Makes matrices: of zeros, or as copies of arrays, with a conversion if the dtypes differ. */

import { copyInto, fillWith, lengthOf } from "./arrays.js";
import { checkInteger, rangeError } from "./checks.js";
import { checkDType, dtypeOf, elementsOf, holds } from "./dtypes.js";
import { LinearMatrix } from "./matrix.js";
import type { LinearMemory } from "./memory.js";
import { Operand } from "./operand.js";
import { Layout, placed, takeTile, tileRows } from "./tiles.js";
import type { DType, HostArray } from "./types.js";

/** Makes a matrix of zeros, or a copy of an array. */
export function createMatrix(
  memory: LinearMemory,
  rowsOrSource: unknown,
  cols: unknown,
  dtype?: unknown,
): LinearMatrix {
  const call = "matrix";
  const width = checkInteger(call, "cols", cols, 1);
  const asked = dtype === undefined ? undefined : checkDType(call, dtype);
  if (typeof rowsOrSource === "number") {
    const rows = checkInteger(call, "rows", rowsOrSource, 0);
    const matrix = new LinearMatrix(call, memory, rows, width, asked ?? "f32");
    fillWith(matrix.data, 0);
    return matrix;
  }
  return copyOf(call, memory, rowsOrSource, width, asked);
}

function copyOf(call: string, memory: LinearMemory, source: unknown, cols: number, asked?: DType): LinearMatrix {
  const to = asked ?? dtypeOf(call, source);
  // A Uint16Array holds bits of the 16-bit dtype that the caller asked for. All other arrays tell their dtype.
  const from = holds(source, to) ? to : dtypeOf(call, source, to);
  const length = lengthOf(elementsOf(call, "source", source as HostArray, from));
  if (length % cols !== 0) throw rangeError(call, "source", `a length that is a multiple of cols ${cols}`, `${length}`);
  const rows = length / cols;
  const given = new Operand({ call, memory, dtype: from, size: cols }, "source", source);
  const matrix = new LinearMatrix(call, memory, rows, cols, to);
  try {
    if (from === to) {
      copyInto(matrix.data, given.elements, 0);
      return matrix;
    }
    const made = new Operand({ call, memory, dtype: to, size: cols }, "matrix", matrix);
    const step = tileRows(rows, cols, false, 1);
    const layout = new Layout();
    const taken = takeTile(layout, step, given, made);
    const tile = placed(taken, memory.scratch(call, layout.bytes));
    for (let row = 0; row < rows; row += step) {
      const count = Math.min(step, rows - row);
      // Rows are widened directly into an f32 matrix, and narrowed directly from an f32 source in linear memory. All others
      // pass through the tile.
      const at = given.read(row, count, { f32: made.target(row, tile), bits: tile.bits });
      made.write(row, count, { f32: at, bits: tile.bits });
    }
    return matrix;
  } catch (error) {
    matrix.free();
    throw error;
  } finally {
    memory.release();
  }
}
