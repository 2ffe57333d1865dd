/**
 * Writes the blocks that kernels read; assembly/call.ts and assembly/transfer.ts say what each field means. The writers for
 * a kernel set all fields that it reads, so that no value of an earlier call remains.
 */
import { CALL, TRANSFER } from "./layout.js";
import { type AnyName, type Channels, isCentred, type Settings } from "./options.js";

/** Views of the linear memory as integers and as doubles. */
export interface Views {
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
}

/** The addresses of the block of a call and of the statistics of its rows. */
export interface CallFrame {
  readonly call: number;
  readonly means: number;
  readonly rstds: number;
}

/** The options of a norm in the form that kernels take. Booleans are 1 or 0. */
export interface Constants {
  readonly size: number;
  readonly eps: number;
  readonly scale: number;
  readonly k: number;
  readonly ddof: number;
  readonly isAda: number;
  readonly centred: number;
  readonly epsAtStd: number;
  readonly epsIsLeast: number;
  readonly detachMean: number;
  readonly detachStd: number;
  readonly detachScale: number;
  readonly spatial: number;
  readonly groups: number;
}

export function constantsOf(settings: Settings<AnyName>, size: number, channels?: Channels): Constants {
  const { name, eps, epsAt, ddof, detachMean, detachStd, scale, k, detachScale } = settings;
  const isL2 = name === "l2Norm";
  const centred = isCentred(name);
  const isAda = name === "adaNorm";
  return {
    size,
    eps,
    scale: isAda ? scale : 1,
    k: isAda ? k : 0,
    // Norms that subtract no mean lose no degree of freedom, and no gradient passes through a mean. The squares of l2Norm are only
    // added up, as if there were one degree.
    ddof: centred ? ddof : isL2 ? size - 1 : 0,
    isAda: flag(isAda),
    centred: flag(centred),
    epsAtStd: flag(epsAt === "std" && !isL2),
    epsIsLeast: flag(isL2),
    detachMean: flag(detachMean || !centred),
    detachStd: flag(detachStd),
    detachScale: flag(detachScale),
    spatial: channels ? channels.spatial : 0,
    groups: channels ? channels.groups : 0,
  };
}

function flag(value: boolean): number {
  return value ? 1 : 0;
}

/** Writes the options of a norm. */
export function writeConstants({ u32, f64 }: Views, call: number, constants: Constants): void {
  const word = call >>> 2;
  const double = call >>> 3;
  f64[double + CALL.eps / 8] = constants.eps;
  f64[double + CALL.scale / 8] = constants.scale;
  f64[double + CALL.k / 8] = constants.k;
  u32[word + CALL.size / 4] = constants.size;
  u32[word + CALL.ddof / 4] = constants.ddof;
  u32[word + CALL.isAda / 4] = constants.isAda;
  u32[word + CALL.centred / 4] = constants.centred;
  u32[word + CALL.epsAtStd / 4] = constants.epsAtStd;
  u32[word + CALL.epsIsLeast / 4] = constants.epsIsLeast;
  u32[word + CALL.detachMean / 4] = constants.detachMean;
  u32[word + CALL.detachStd / 4] = constants.detachStd;
  u32[word + CALL.detachScale / 4] = constants.detachScale;
  u32[word + CALL.spatial / 4] = constants.spatial;
  u32[word + CALL.groups / 4] = constants.groups;
}

/** Writes the addresses of the statistics of the block's rows. */
export function writeStatistics({ u32 }: Views, call: number, means: number, rstds: number): void {
  const word = call >>> 2;
  u32[word + CALL.means / 4] = means;
  u32[word + CALL.rstds / 4] = rstds;
}

/** The addresses of gain and bias, 0 if absent, the rows that share them, and the strides of a forward pass, in bytes. */
export interface ForwardStrides {
  gain: number;
  bias: number;
  /** 0 if all rows share them. */
  rowsPerGain: number;
  x: number;
  residual: number;
  sum: number;
  y: number;
}

export function writeForwardStrides({ u32 }: Views, call: number, strides: ForwardStrides): void {
  const word = call >>> 2;
  u32[word + CALL.gain / 4] = strides.gain;
  u32[word + CALL.bias / 4] = strides.bias;
  u32[word + CALL.rowsPerGain / 4] = strides.rowsPerGain;
  u32[word + CALL.first / 4] = 0;
  u32[word + CALL.xStride / 4] = strides.x;
  u32[word + CALL.residualStride / 4] = strides.residual;
  u32[word + CALL.sumStride / 4] = strides.sum;
  u32[word + CALL.yStride / 4] = strides.y;
}

/** Writes the number of the block's row 0 in its sample, and the addresses of gain and bias of that sample. */
export function writeSample({ u32 }: Views, call: number, first: number, gain: number, bias: number): void {
  const word = call >>> 2;
  u32[word + CALL.first / 4] = first;
  u32[word + CALL.gain / 4] = gain;
  u32[word + CALL.bias / 4] = bias;
}

/** Writes the addresses of the batches of a forward pass; residual and sum are 0 if absent. */
export function writeForwardRows(
  { u32 }: Views,
  call: number,
  x: number,
  residual: number,
  sum: number,
  y: number,
): void {
  const word = call >>> 2;
  u32[word + CALL.x / 4] = x;
  u32[word + CALL.residual / 4] = residual;
  u32[word + CALL.sum / 4] = sum;
  u32[word + CALL.y / 4] = y;
}

/**
 * The addresses of the gain, the column sums and their totals, 0 if absent, the rows that share a gain, and the strides of a backward
 * pass, in bytes.
 */
export interface BackwardStrides {
  gain: number;
  /** 0 if all rows share one. */
  rowsPerGain: number;
  accumulate: boolean;
  columns: number;
  totals: number;
  dy: number;
  x: number;
  dx: number;
}

export function writeBackwardStrides({ u32 }: Views, call: number, strides: BackwardStrides): void {
  const word = call >>> 2;
  u32[word + CALL.gain / 4] = strides.gain;
  u32[word + CALL.rowsPerGain / 4] = strides.rowsPerGain;
  u32[word + CALL.accumulate / 4] = flag(strides.accumulate);
  u32[word + CALL.columns / 4] = strides.columns;
  u32[word + CALL.totals / 4] = strides.totals;
  u32[word + CALL.dyStride / 4] = strides.dy;
  u32[word + CALL.xStride / 4] = strides.x;
  u32[word + CALL.dxStride / 4] = strides.dx;
  // The x of a backward pass is what forward normalised, with the residual added already.
  u32[word + CALL.residual / 4] = 0;
}

/** Writes the addresses of the gradients of gain and bias, those of the sample of the block's row 0. 0 if absent. */
export function writeSampleGradients({ u32 }: Views, call: number, dGain: number, dBias: number): void {
  const word = call >>> 2;
  u32[word + CALL.dGain / 4] = dGain;
  u32[word + CALL.dBias / 4] = dBias;
}

/** Writes the addresses of the batches of a backward pass. `first` is the number of the block's row 0 in its sample. */
export function writeBackwardRows(
  { u32 }: Views,
  call: number,
  dy: number,
  x: number,
  dx: number,
  first: number,
): void {
  const word = call >>> 2;
  u32[word + CALL.dy / 4] = dy;
  u32[word + CALL.x / 4] = x;
  u32[word + CALL.dx / 4] = dx;
  u32[word + CALL.first / 4] = first;
}

/** A conversion or addition of rows. Strides are in bytes. */
export interface Transfer {
  /** The storage of the 16-bit side: 1 for f16, 2 for bf16. 0 if both sides are f32. */
  type: number;
  from: number;
  fromStride: number;
  /** Is added to f32 rows. Left out for conversions. */
  addend?: number;
  addendStride?: number;
  to: number;
  toStride: number;
  /** Elements in a row. */
  size: number;
}

/** Writes the block of a transfer, at the address that the memory has for it. */
export function writeTransfer(memory: Views & { readonly transfer: number }, transfer: Transfer): void {
  const { u32 } = memory;
  const word = memory.transfer >>> 2;
  u32[word + TRANSFER.type / 4] = transfer.type;
  u32[word + TRANSFER.from / 4] = transfer.from;
  u32[word + TRANSFER.fromStride / 4] = transfer.fromStride;
  u32[word + TRANSFER.addend / 4] = transfer.addend ?? 0;
  u32[word + TRANSFER.addendStride / 4] = transfer.addendStride ?? 0;
  u32[word + TRANSFER.to / 4] = transfer.to;
  u32[word + TRANSFER.toStride / 4] = transfer.toStride;
  u32[word + TRANSFER.size / 4] = transfer.size;
}
