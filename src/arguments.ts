/** Checks the arguments of a norm's calls and makes operands of them. Makes results that the caller gave no place for. */
import { bufferOf, kindOf, makeArray } from "./arrays.js";
import type { Constants } from "./call.js";
import { checkStat, rangeError, typeError } from "./checks.js";
import type { CallContext } from "./context.js";
import { arraysOf, holds } from "./dtypes.js";
import { LinearMatrix, placeOf } from "./matrix.js";
import type { LinearMemory } from "./memory.js";
import { Operand } from "./operand.js";
import { type AnyName, type Channels, type GivenStats, hasParams } from "./options.js";
import type { DType, RowStats } from "./types.js";

/** What all calls of a norm need to know about it. */
export interface NormContext extends CallContext {
  readonly name: AnyName;
  readonly constants: Constants;
  /** Undefined if gain and bias have an element for each column. */
  readonly channels: Channels | undefined;
  /** The same for calls on arrays, if these have a memory of their own. */
  readonly forArrays: NormContext | undefined;
}

/** The context of a call on this batch. Views of matrices are used where they lie, as matrices are. */
export function contextFor(context: NormContext, batch: unknown): NormContext {
  const { forArrays, memory } = context;
  if (forArrays === undefined || isInMemory(memory, batch)) return context;
  return forArrays;
}

/** Whether a batch is a matrix, or an array in the memory. */
export function isInMemory(memory: LinearMemory, batch: unknown): boolean {
  return placeOf(batch) !== undefined || (kindOf(batch) !== undefined && memory.owns(bufferOf(batch as Float32Array)));
}

/** Throws unless the batch has the same kind (array or matrix) and the same number of rows as the model. */
export function checkLike({ call, dtype }: CallContext, operand: Operand, model: Operand): void {
  if (operand.isMatrix !== model.isMatrix) {
    const kind = model.isMatrix ? "a Matrix" : arraysOf(dtype);
    throw typeError(call, operand.argument, `${kind}, as ${model.argument} is`, operand.value);
  }
  if (operand.rows !== model.rows) {
    throw rangeError(call, operand.argument, `the shape of ${model.argument}, ${model.shape}`, operand.shape);
  }
}

/** Takes an optional batch, which must have the kind and shape of `model`. `stride` is in elements, from row to row. */
export function takeLike(
  context: NormContext,
  argument: string,
  value: unknown,
  model: Operand,
  stride: number,
): Operand | undefined {
  if (value === undefined) return undefined;
  const operand = new Operand(context, argument, value, stride);
  checkLike(context, operand, model);
  return operand;
}

/** Takes an optional gain or bias for a batch of these rows: elements of the norm's dtype or f32. */
export function takeParam(context: NormContext, argument: string, value: unknown, rows: number): Operand | undefined {
  if (value === undefined) return undefined;
  checkHasParams(context, argument, value);
  const isSingle = context.dtype !== "f32" && isFloat(value);
  return Operand.param(
    paramContext(context, isSingle ? "f32" : context.dtype),
    argument,
    value,
    sharing(context, rows),
  );
}

/** The rows among which samples may have gains of their own: all of them, unless gains are by channel. */
function sharing({ channels }: NormContext, rows: number): number {
  return channels ? 1 : rows;
}

/** Takes an optional place for the gradient of gain or bias, which is f32. */
export function takeParamGradient(
  context: NormContext,
  argument: string,
  value: unknown,
  rows: number,
): Operand | undefined {
  if (value === undefined) return undefined;
  checkHasParams(context, argument, value);
  return Operand.param(paramContext(context, "f32"), argument, value, sharing(context, rows));
}

/**
 * How many samples have a gain and a bias of their own: as many as each of these has room for. Throws if they disagree.
 */
export function samplesOf(call: string, ...params: (Operand | undefined)[]): number {
  // A loop without other arrays: calls of few rows notice what filters and rest patterns take.
  let first: Operand | undefined;
  for (const param of params) {
    if (param === undefined) continue;
    first ??= param;
    if (param.rows === first.rows) continue;
    const expected = `${first.rows * first.size} elements, as many as ${first.argument}`;
    throw rangeError(call, param.argument, expected, `${param.rows * param.size}`);
  }
  return first === undefined ? 1 : first.rows;
}

function checkHasParams({ call, name }: NormContext, argument: string, value: unknown): void {
  if (!hasParams(name)) throw typeError(call, argument, `none, as ${name} has no gain and no bias`, value);
}

/** Whether a value is an array or a matrix of f32. */
function isFloat(value: unknown): boolean {
  const place = placeOf(value);
  return place ? place.dtype === "f32" : holds(value, "f32");
}

/** The context of a gain, a bias or a gradient of one: that of the norm itself where it fits, as engines are faster then. */
function paramContext(context: NormContext, dtype: DType): CallContext {
  const { call, memory, channels } = context;
  if (channels === undefined && dtype === context.dtype) return context;
  return { call, memory, dtype, size: channels ? channels.channels : context.size };
}

/** Throws unless the batch is whole samples, for norms whose rows are groups of channels. */
export function checkSamples({ call, channels, size }: NormContext, { argument, rows }: Operand): void {
  if (channels === undefined || rows % channels.groups === 0) return;
  const { channels: count, groups, spatial } = channels;
  const expected = `whole samples of channels x spatial, ${count} x ${spatial}, which are ${groups} rows of ${size}`;
  throw rangeError(call, argument, expected, `${rows} rows`);
}

/** Takes statistics. Copies those that lie in linear memory, because its growth would detach them. */
export function takeStats({ call, memory }: CallContext, given: GivenStats, rows: number): RowStats {
  return {
    mean: memory.outside(checkStat(call, "stats.mean", given.mean, rows)),
    rstd: memory.outside(checkStat(call, "stats.rstd", given.rstd, rows)),
  };
}

/**
 * Makes a batch for results, of the kind and shape of `model`. Adds matrices to `made`, so that a call that fails can free
 * them.
 */
export function makeBatch(context: CallContext, argument: string, model: Operand, made: LinearMatrix[]): Operand {
  const { call, memory, dtype, size } = context;
  const { rows } = model;
  if (!model.isMatrix) return new Operand(context, argument, makeArray(kindOf(model.value) as string, rows * size));
  const matrix = new LinearMatrix(call, memory, rows, size, dtype);
  made.push(matrix);
  return new Operand(context, argument, matrix);
}

/** Makes a place for the gradient of a gain or bias that `samples` samples have: an array or a matrix, as `model` is. */
export function makeParamGradient(
  context: NormContext,
  argument: string,
  model: Operand,
  samples: number,
  made: LinearMatrix[],
): Operand {
  const own = paramContext(context, "f32");
  const { call, memory, size } = own;
  const rows = sharing(context, model.rows);
  if (!model.isMatrix) return Operand.param(own, argument, new Float32Array(samples * size), rows);
  const matrix = new LinearMatrix(call, memory, samples, size, "f32");
  made.push(matrix);
  return Operand.param(own, argument, matrix, rows);
}
