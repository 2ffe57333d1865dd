/** Checks the arguments of a norm's calls and makes operands of them. Makes results that the caller gave no place for. */
import { bufferOf, kindOf, makeArray } from "./arrays.js";
import type { Constants } from "./call.js";
import { checkStat, typeError } from "./checks.js";
import type { CallContext } from "./context.js";
import { holds } from "./dtypes.js";
import { LinearMatrix, placeOf } from "./matrix.js";
import type { LinearMemory } from "./memory.js";
import { checkLike, Operand } from "./operand.js";
import { type GivenStats, hasParams } from "./options.js";
import type { NormName, RowStats } from "./types.js";

/** What all calls of a norm need to know about it. */
export interface NormContext extends CallContext {
  readonly name: NormName;
  readonly constants: Constants;
  /** The same for calls on arrays, if these have a memory of their own. */
  readonly forArrays?: NormContext | undefined;
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

/** Takes an optional gain or bias: elements of the norm's dtype or f32. */
export function takeParam(context: NormContext, argument: string, value: unknown): Operand | undefined {
  if (value === undefined) return undefined;
  checkHasParams(context, argument, value);
  const isSingle = context.dtype !== "f32" && isFloat(value);
  return Operand.column(isSingle ? single(context) : context, argument, value);
}

/** Takes an optional place for the gradient of gain or bias, which is f32. */
export function takeParamGradient(context: NormContext, argument: string, value: unknown): Operand | undefined {
  if (value === undefined) return undefined;
  checkHasParams(context, argument, value);
  return Operand.column(single(context), argument, value);
}

function checkHasParams({ call, name }: NormContext, argument: string, value: unknown): void {
  if (!hasParams(name)) throw typeError(call, argument, `none, as ${name} has no gain and no bias`, value);
}

/** Whether a value is an array or a matrix of f32. */
function isFloat(value: unknown): boolean {
  const place = placeOf(value);
  return place ? place.dtype === "f32" : holds(value, "f32");
}

/** The same context for an argument that is f32, even if the batches of the norm are not. */
function single(context: CallContext): CallContext {
  const { call, memory, dtype, size } = context;
  return dtype === "f32" ? context : { call, memory, dtype: "f32", size };
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

/** Makes a place for the gradient of gain or bias: an array or a matrix, as `model` is. */
export function makeParamGradient(
  context: CallContext,
  argument: string,
  model: Operand,
  made: LinearMatrix[],
): Operand {
  const { call, memory, size } = context;
  if (!model.isMatrix) return Operand.column(single(context), argument, new Float32Array(size));
  const matrix = new LinearMatrix(call, memory, 1, size, "f32");
  made.push(matrix);
  return Operand.column(single(context), argument, matrix);
}
