/** The arguments of a norm's calls, each checked and found where it lies; and places for results that were given none. */
import { kindOf, makeArray } from "./arrays.js";
import type { Constants } from "./call.js";
import { checkStat, typeError } from "./checks.js";
import type { CallContext } from "./context.js";
import { holds } from "./dtypes.js";
import { LinearMatrix, placeOf } from "./matrix.js";
import { checkLike, Operand } from "./operand.js";
import { type GivenStats, hasParams } from "./options.js";
import type { NormName, RowStats } from "./types.js";

/** What the calls of a norm have in common. */
export interface NormContext extends CallContext {
  readonly name: NormName;
  readonly constants: Constants;
}

/** A batch of the kind and shape of `model`, if one was given. `stride`: from row to row, in elements. */
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

/** gain or bias, if it was given: of the norm's type or f32. */
export function takeParam(context: NormContext, argument: string, value: unknown): Operand | undefined {
  if (value === undefined) return undefined;
  checkHasParams(context, argument, value);
  return Operand.column(isFloat(value) ? single(context) : context, argument, value);
}

/** Where the gradient of gain or bias goes, if a place was given: it is f32. */
export function takeParamGradient(context: NormContext, argument: string, value: unknown): Operand | undefined {
  if (value === undefined) return undefined;
  checkHasParams(context, argument, value);
  return Operand.column(single(context), argument, value);
}

function checkHasParams({ call, name }: NormContext, argument: string, value: unknown): void {
  if (!hasParams(name)) throw typeError(call, argument, `none, as ${name} has no gain and no bias`, value);
}

/** Whether a value is f32, in an array or a matrix. */
function isFloat(value: unknown): boolean {
  const place = placeOf(value);
  return place ? place.dtype === "f32" : holds(value, "f32");
}

/** The same for what is f32, whatever the norm's batches are. */
function single(context: CallContext): CallContext {
  const { call, memory, dtype, size } = context;
  return dtype === "f32" ? context : { call, memory, dtype: "f32", size };
}

/** Statistics of each row, outside of the linear memory, whose growth would detach them. */
export function takeStats({ call, memory }: CallContext, given: GivenStats, rows: number): RowStats {
  return {
    mean: memory.outside(checkStat(call, "stats.mean", given.mean, rows)),
    rstd: memory.outside(checkStat(call, "stats.rstd", given.rstd, rows)),
  };
}

/** A new place for a batch of results, of the kind and shape of `model`. Matrices are noted in `made`, to be freed should the call fail. */
export function makeBatch(context: CallContext, argument: string, model: Operand, made: LinearMatrix[]): Operand {
  const { call, memory, dtype, size } = context;
  const { rows } = model;
  if (!model.isMatrix) return new Operand(context, argument, makeArray(kindOf(model.value) as string, rows * size));
  const matrix = new LinearMatrix(call, memory, rows, size, dtype);
  made.push(matrix);
  return new Operand(context, argument, matrix);
}

/** A new place for the gradient of gain or bias, of the kind of `model`. */
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
