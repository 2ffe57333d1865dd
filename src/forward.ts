/** Forward: checks the arguments, makes the results, then runs the kernel, in one call or tile by tile. */
import { checkSamples, contextFor, makeBatch, type NormContext, samplesOf, takeLike, takeParam } from "./arguments.js";
import { type CallFrame, writeConstants, writeForwardRows, writeForwardStrides, writeStatistics } from "./call.js";
import { typeError } from "./checks.js";
import type { LinearMatrix } from "./matrix.js";
import { addressOf, Operand } from "./operand.js";
import { type GivenForward, readForward, strideOf } from "./options.js";
import { checkApart } from "./overlap.js";
import { makeStats } from "./stats.js";
import { type ForwardOperands, TiledForward } from "./tiled-forward.js";
import { TILE_BYTES, TILE_ROWS } from "./tiles.js";
import type { RowStats, SummedForward } from "./types.js";

/** Computes y, and mean and rstd if asked for. Writes no result before all memory has been allocated. */
export function forward(own: NormContext, x: unknown, options: unknown): Partial<SummedForward<unknown>> {
  const context = contextFor(own, x);
  const { call, memory, size } = context;
  const given = readForward(call, options, size);
  const made: LinearMatrix[] = [];
  try {
    const operands = takeForward(context, x, given, made);
    const { input, gain, bias, output, sum } = operands;
    const { rows } = input;
    const stats = given.stats ? makeStats(rows, input.isMatrix) : undefined;
    if (rows <= TILE_ROWS && (isDirect(operands) || fitsTile(context, operands))) {
      const room = (input.room || output.room) + (gain ? gain.room : 0) + (bias ? bias.room : 0);
      const means = memory.scratch(call, rows * 16 + room);
      const rstds = means + rows * 8;
      if (room > 0) {
        const behind = rstds + rows * 8;
        // y takes the place of x.
        let next = Math.max(input.enter(behind), output.enter(behind, true));
        if (gain) next = gain.enter(next);
        if (bias) bias.enter(next);
      }
      writeForward(context, operands, { call: memory.call, means, rstds });
      // Where there are no rows, the size of one may be more than kernels can count.
      if (rows > 0) memory.kernelsFor(rows * size).forward(memory.call, 0, rows);
      if (stats) {
        memory.fetch(stats.mean, 0, means, rows);
        memory.fetch(stats.rstd, 0, rstds, rows);
      }
      output.leave();
    } else {
      new TiledForward(context, operands).run(rows, stats);
    }
    return resultOf(output.result(), stats, sum?.result());
  } catch (error) {
    for (const matrix of made) matrix.free();
    throw error;
  } finally {
    memory.release();
  }
}

function resultOf<T>(y: T, stats: RowStats | undefined, sum: T | undefined): Partial<SummedForward<T>> {
  if (stats === undefined) return sum === undefined ? { y } : { y, sum };
  const { mean, rstd } = stats;
  return sum === undefined ? { y, mean, rstd } : { y, mean, rstd, sum };
}

/** Checks the arguments of forward, and makes the results that were given no place. Adds new matrices to `made`. */
export function takeForward(
  context: NormContext,
  x: unknown,
  given: GivenForward,
  made: LinearMatrix[],
): ForwardOperands {
  const { strides } = given;
  const input = new Operand(context, "x", x, strideOf(strides, "x"));
  const { rows } = input;
  checkSamples(context, input);
  const gain = takeParam(context, "gain", given.gain, rows);
  const bias = takeParam(context, "bias", given.bias, rows);
  const samples = samplesOf(context.call, gain, bias);
  const residual = takeLike(context, "residual", given.residual, input, strideOf(strides, "residual"));
  const sum = takeLike(context, "sum", given.sum, input, strideOf(strides, "sum"));
  const output = takeLike(context, "out", given.out, input, strideOf(strides, "out"));
  const { call } = context;
  if (sum && !residual) throw typeError(call, "residual", "a batch to add, as there is a sum", undefined);
  if (sum) checkOutput(call, sum, input, residual, gain, bias);
  if (output) {
    checkOutput(call, output, input, residual, gain, bias);
    checkApart(call, output, sum);
  }
  return {
    input,
    gain,
    bias,
    rowsPerGain: samples > 1 ? rows / samples : 0,
    residual,
    output: output ?? makeBatch(context, "y", input, made),
    sum: residual && (sum ?? makeBatch(context, "sum", input, made)),
  };
}

/** Throws if a result overlaps an input. The result may be x or the residual itself. */
function checkOutput(
  call: string,
  output: Operand,
  input: Operand,
  residual: Operand | undefined,
  gain: Operand | undefined,
  bias: Operand | undefined,
): void {
  checkApart(call, output, input, true);
  checkApart(call, output, residual, true);
  checkApart(call, output, gain);
  checkApart(call, output, bias);
}

/** Whether one call of the kernel is enough: all operands are f32 in linear memory. */
export function isDirect({ input, gain, bias, residual, sum, output }: ForwardOperands): boolean {
  return (
    input.isInPlace &&
    output.isInPlace &&
    (gain === undefined || gain.isInPlace) &&
    (bias === undefined || bias.isInPlace) &&
    (residual === undefined || residual.isInPlace) &&
    (sum === undefined || sum.isInPlace)
  );
}

/** Whether all f32 of a call fit a tile, so that one call of the kernel is enough for them too. */
function fitsTile({ dtype }: NormContext, { input, rowsPerGain, residual }: ForwardOperands): boolean {
  return dtype === "f32" && rowsPerGain === 0 && residual === undefined && input.rows * input.size * 4 <= TILE_BYTES;
}

/** Writes the block of a call for which {@link isDirect} holds. */
export function writeForward(
  { memory, constants }: NormContext,
  { input, gain, bias, rowsPerGain, residual, sum, output }: ForwardOperands,
  { call, means, rstds }: CallFrame,
): void {
  writeConstants(memory, call, constants);
  writeStatistics(memory, call, means, rstds);
  writeForwardStrides(memory, call, {
    gain: addressOf(gain),
    bias: addressOf(bias),
    rowsPerGain,
    x: input.kernelStride,
    residual: residual === undefined ? 0 : residual.kernelStride,
    sum: sum === undefined ? 0 : sum.kernelStride,
    y: output.kernelStride,
  });
  writeForwardRows(memory, call, addressOf(input), addressOf(residual), addressOf(sum), addressOf(output));
}
