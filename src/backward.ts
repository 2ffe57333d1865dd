/** Backward: checks the arguments, makes the results, then runs the kernel, in one call or tile by tile. */
import { columnsBytes, totalsBytes } from "./abi.js";
import {
  contextFor,
  makeBatch,
  makeParamGradient,
  type NormContext,
  takeLike,
  takeParam,
  takeParamGradient,
  takeStats,
} from "./arguments.js";
import { writeBackwardRows, writeBackwardStrides, writeConstants, writeStatistics } from "./call.js";
import { typeError } from "./checks.js";
import type { LinearMatrix } from "./matrix.js";
import type { LinearMemory } from "./memory.js";
import { addressOf, checkLike, Operand } from "./operand.js";
import { type GivenBackward, type GivenStats, readBackward, readStats, strideOf } from "./options.js";
import { checkApart, occupantOf } from "./overlap.js";
import { type BackwardFrame, type BackwardOperands, hasSums, TiledBackward, totalsOf } from "./tiled-backward.js";
import { TILE_ROWS } from "./tiles.js";
import type { Backward, RowStats } from "./types.js";

/** Computes dx, and dGain and dBias if asked for. Writes no result before all memory has been allocated. */
export function backward(
  own: NormContext,
  dy: unknown,
  x: unknown,
  stats: unknown,
  options: unknown,
): Backward<unknown> {
  const context = contextFor(own, dy);
  const { call, memory, size } = context;
  const given = readBackward(call, options, size);
  const givenStats = readStats(call, stats);
  const made: LinearMatrix[] = [];
  try {
    const operands = takeBackward(context, dy, x, givenStats, given, made);
    const { rows } = operands.input;
    if (rows <= TILE_ROWS && isDirect(operands)) {
      const sumsBytes = hasSums(operands) ? columnsBytes(size) + totalsBytes(size, rows) : 0;
      const means = memory.scratch(call, rows * 16 + sumsBytes);
      const rstds = means + rows * 8;
      const { stats: found } = operands;
      if (found) {
        memory.place(found.mean, 0, means, rows);
        memory.place(found.rstd, 0, rstds, rows);
      }
      const frame = { call: memory.call, means, rstds, columns: rstds + rows * 8, hasStats: found !== undefined };
      writeBackward(context, operands, frame);
      runBackward(memory, operands, frame, rows);
    } else {
      new TiledBackward(context, operands).run(rows);
    }
    return resultsOf(operands);
  } catch (error) {
    for (const matrix of made) matrix.free();
    throw error;
  } finally {
    memory.release();
  }
}

/** The results among the operands, as backward returns them. */
export function resultsOf({ dx, dGain, dBias }: BackwardOperands): Backward<unknown> {
  const result: Partial<Backward<unknown>> = dx ? { dx: dx.result() } : {};
  if (dGain) result.dGain = dGain.result() as Float32Array;
  if (dBias) result.dBias = dBias.result() as Float32Array;
  return result as Backward<unknown>;
}

/** Checks the arguments of backward, and makes the results that were given no place. Adds new matrices to `made`. */
export function takeBackward(
  context: NormContext,
  dy: unknown,
  x: unknown,
  givenStats: GivenStats | undefined,
  given: GivenBackward,
  made: LinearMatrix[],
): BackwardOperands {
  const { call } = context;
  const { strides, accumulate } = given;
  const upstream = new Operand(context, "dy", dy, strideOf(strides, "dy"));
  const input = new Operand(context, "x", x, strideOf(strides, "x"));
  checkLike(context, input, upstream);
  const stats = givenStats && takeStats(context, givenStats, upstream.rows);
  const gain = takeParam(context, "gain", given.gain);
  const bias = takeParam(context, "bias", given.bias);
  const dSum = takeLike(context, "dSum", given.dSum, upstream, strideOf(strides, "dSum"));
  const dx = takeLike(context, "out.dx", given.dx, upstream, strideOf(strides, "dx"));
  const dGain = takeParamGradient(context, "out.dGain", given.dGain);
  const dBias = takeParamGradient(context, "out.dBias", given.dBias);
  if (accumulate && gain && !dGain) throw typeError(call, "out.dGain", "an array to add onto", undefined);
  if (accumulate && bias && !dBias) throw typeError(call, "out.dBias", "an array to add onto", undefined);
  const inputs = { upstream, input, dSum, gain, bias, stats };
  if (dx) checkBatchResult(call, dx, inputs);
  if (dGain) checkParamResult(call, dGain, dx, inputs);
  if (dBias) {
    checkParamResult(call, dBias, dx, inputs);
    checkApart(call, dBias, dGain);
  }
  return {
    upstream,
    input,
    stats,
    gain,
    dSum,
    dx: dx ?? (given.wantsDx ? makeBatch(context, "dx", upstream, made) : undefined),
    dGain: dGain ?? (gain && makeParamGradient(context, "dGain", upstream, made)),
    dBias: dBias ?? (bias && makeParamGradient(context, "dBias", upstream, made)),
    accumulate,
  };
}

/** The arguments that backward reads. */
interface Inputs {
  upstream: Operand;
  input: Operand;
  dSum: Operand | undefined;
  gain: Operand | undefined;
  bias: Operand | undefined;
  stats: RowStats | undefined;
}

/** Throws if dx overlaps an input. dx may be dy, x or dSum itself. */
function checkBatchResult(call: string, dx: Operand, { upstream, input, dSum, gain, bias, stats }: Inputs): void {
  checkApart(call, dx, upstream, true);
  checkApart(call, dx, input, true);
  checkApart(call, dx, dSum, true);
  checkApart(call, dx, gain);
  checkApart(call, dx, bias);
  checkApartFromStats(call, dx, stats);
}

/** Throws if dGain or dBias overlaps dx or an input. */
function checkParamResult(call: string, gradient: Operand, dx: Operand | undefined, inputs: Inputs): void {
  checkApart(call, gradient, dx);
  checkApart(call, gradient, inputs.upstream);
  checkApart(call, gradient, inputs.input);
  checkApart(call, gradient, inputs.dSum);
  checkApart(call, gradient, inputs.gain);
  checkApart(call, gradient, inputs.bias);
  checkApartFromStats(call, gradient, inputs.stats);
}

function checkApartFromStats(call: string, result: Operand, stats: RowStats | undefined): void {
  // takeStats has put statistics outside of linear memory, so a result inside it cannot overlap them.
  if (stats === undefined || result.pointer !== undefined) return;
  checkApart(call, result, occupantOf("stats.mean", stats.mean));
  checkApart(call, result, occupantOf("stats.rstd", stats.rstd));
}

/**
 * Whether one call of the kernel is enough: all operands are f32 in linear memory, there is a place for dx, and no dSum to add.
 */
export function isDirect({ upstream, input, gain, dSum, dx, dGain, dBias }: BackwardOperands): boolean {
  return (
    upstream.isInPlace &&
    input.isInPlace &&
    dx?.isInPlace === true &&
    dSum === undefined &&
    (gain === undefined || gain.isInPlace) &&
    (dGain === undefined || dGain.isInPlace) &&
    (dBias === undefined || dBias.isInPlace)
  );
}

/** Writes the block of a call for which {@link isDirect} holds. */
export function writeBackward(
  { memory, constants }: NormContext,
  operands: BackwardOperands,
  { call, means, rstds, columns }: BackwardFrame,
): void {
  const { upstream, input, gain, dx } = operands;
  writeConstants(memory, call, constants);
  writeStatistics(memory, call, means, rstds);
  writeBackwardStrides(memory, call, {
    gain: addressOf(gain),
    columns: hasSums(operands) ? columns : 0,
    totals: totalsOf(operands, columns),
    dy: upstream.kernelStride,
    x: input.kernelStride,
    dx: (dx as Operand).kernelStride,
  });
  writeBackwardRows(memory, call, addressOf(upstream), addressOf(input), addressOf(dx), 0);
}

/** Runs the kernels on the block that {@link writeBackward} has written. */
export function runBackward(
  memory: LinearMemory,
  { input, dGain, dBias, accumulate }: BackwardOperands,
  { call, columns, hasStats }: BackwardFrame,
  rows: number,
): void {
  const { abi } = memory;
  if (!hasStats) abi.statistics(call, 0, rows);
  if (dGain === undefined && dBias === undefined) {
    abi.backward(call, 0, rows);
    return;
  }
  memory.clear(columns, columnsBytes(input.size) + totalsBytes(input.size, input.rows));
  abi.backward(call, 0, rows);
  const onto = accumulate ? 1 : 0;
  if (dGain) abi.columnSums(call, 0, addressOf(dGain), onto);
  if (dBias) abi.columnSums(call, 1, addressOf(dBias), onto);
}
