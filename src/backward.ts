/** Backward: checks the arguments, makes the results, then runs the kernel, in one call or tile by tile. */
import {
  checkLike,
  checkSamples,
  contextFor,
  makeBatch,
  makeParamGradient,
  type NormContext,
  samplesOf,
  takeLike,
  takeParam,
  takeParamGradient,
  takeStats,
} from "./arguments.js";
import {
  writeBackwardRows,
  writeBackwardStrides,
  writeConstants,
  writeSampleGradients,
  writeStatistics,
} from "./call.js";
import { typeError } from "./checks.js";
import type { LinearMatrix } from "./matrix.js";
import { addressOf, Operand } from "./operand.js";
import { type GivenBackward, type GivenStats, readBackward, readStats, strideOf } from "./options.js";
import { checkApart, occupantOf } from "./overlap.js";
import {
  type BackwardFrame,
  type BackwardOperands,
  clearUnreached,
  runRows,
  type Sums,
  sumsAt,
  sumsOf,
  TiledBackward,
} from "./tiled-backward.js";
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
    const sums = sumsOf(context, operands);
    if (rows <= TILE_ROWS && isDirect(operands, sums)) {
      const means = memory.scratch(call, rows * 16 + sums.columns + sums.totals);
      const rstds = means + rows * 8;
      const { stats: found } = operands;
      if (found) {
        memory.place(found.mean, 0, means, rows);
        memory.place(found.rstd, 0, rstds, rows);
      }
      const frame = { call: memory.call, means, rstds, columns: rstds + rows * 8, hasStats: found !== undefined };
      writeBackward(context, operands, frame, sums);
      runBackward(context, operands, frame, sums, rows);
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
  checkSamples(context, upstream);
  const { rows } = upstream;
  const stats = givenStats && takeStats(context, givenStats, rows);
  const gain = takeParam(context, "gain", given.gain, rows);
  const bias = takeParam(context, "bias", given.bias, rows);
  const dSum = takeLike(context, "dSum", given.dSum, upstream, strideOf(strides, "dSum"));
  const dx = takeLike(context, "out.dx", given.dx, upstream, strideOf(strides, "dx"));
  const dGain = takeParamGradient(context, "out.dGain", given.dGain, rows);
  const dBias = takeParamGradient(context, "out.dBias", given.dBias, rows);
  const samples = samplesOf(call, gain, bias, dGain, dBias);
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
    samples,
    rowsPerGain: samples > 1 ? rows / samples : 0,
    dSum,
    dx: dx ?? (given.wantsDx ? makeBatch(context, "dx", upstream, made) : undefined),
    dGain: dGain ?? (gain && makeParamGradient(context, "dGain", upstream, samples, made)),
    dBias: dBias ?? (bias && makeParamGradient(context, "dBias", upstream, samples, made)),
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
export function isDirect({ upstream, input, gain, dSum, dx, dGain, dBias }: BackwardOperands, sums: Sums): boolean {
  return (
    upstream.rows <= sums.rows &&
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
  sums: Sums,
): void {
  const { upstream, input, gain, rowsPerGain, accumulate, dx, dGain, dBias } = operands;
  writeConstants(memory, call, constants);
  writeStatistics(memory, call, means, rstds);
  writeBackwardStrides(memory, call, {
    gain: addressOf(gain),
    rowsPerGain,
    accumulate,
    ...sumsAt(sums, columns),
    dy: upstream.kernelStride,
    x: input.kernelStride,
    dx: (dx as Operand).kernelStride,
  });
  writeSampleGradients(memory, call, addressOf(dGain), addressOf(dBias));
  writeBackwardRows(memory, call, addressOf(upstream), addressOf(input), addressOf(dx), 0);
}

/** Runs the kernels on the block that {@link writeBackward} has written. */
export function runBackward(
  context: NormContext,
  operands: BackwardOperands,
  { call, columns, hasStats }: BackwardFrame,
  sums: Sums,
  rows: number,
): void {
  const { memory, size } = context;
  const abi = memory.kernelsFor(rows * size);
  const { samples, rowsPerGain, dGain, dBias, accumulate } = operands;
  if (!hasStats) abi.statistics(call, 0, rows);
  if (dGain === undefined && dBias === undefined) {
    abi.backward(call, 0, rows);
    return;
  }
  memory.clear(columns, sums.columns + sums.totals);
  runRows(context, call, rows, sums);
  if (samples !== 1) {
    if (rows > 0 && rows % rowsPerGain > 0) abi.sampleSums(call, Math.floor(rows / rowsPerGain));
    clearUnreached(memory, operands, rows);
    return;
  }
  const onto = accumulate ? 1 : 0;
  if (dGain) abi.columnSums(call, 0, addressOf(dGain), onto);
  if (dBias) abi.columnSums(call, 1, addressOf(dBias), onto);
}
