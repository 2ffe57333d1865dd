/** The batches that kernels overwrite while they read them. Their rows are copied first, in case a thread dies half way. */
import { CALL, TRANSFER } from "../layout.js";
import { WORD } from "./control.js";

export interface Overwritten {
  readonly address: number;
  readonly stride: number;
}

/** Reads a field of 32 bits of a block. */
type Field = (block: number, offset: number) => number;

export const NONE: readonly Overwritten[] = [];

export function overwrittenByForward(field: Field, call: number): readonly Overwritten[] {
  const residual = field(call, CALL.residual);
  const x = { address: field(call, CALL.x), stride: field(call, CALL.xStride) };
  const outputs = [field(call, CALL.y)];
  if (residual === 0) return outputs.includes(x.address) ? [x] : NONE;
  outputs.push(field(call, CALL.sum));
  const added = { address: residual, stride: field(call, CALL.residualStride) };
  return [x, added].filter(({ address }) => outputs.includes(address));
}

export function overwrittenByBackward(field: Field, call: number): readonly Overwritten[] {
  const dx = field(call, CALL.dx);
  const dy = { address: field(call, CALL.dy), stride: field(call, CALL.dyStride) };
  const x = { address: field(call, CALL.x), stride: field(call, CALL.xStride) };
  return [dy, x].filter(({ address }) => address === dx).slice(0, 1);
}

export function overwrittenByAddition(field: Field, transfer: number): readonly Overwritten[] {
  const to = field(transfer, TRANSFER.to);
  const stride = field(transfer, TRANSFER.toStride);
  const isOne = [TRANSFER.from, TRANSFER.addend].some((offset) => field(transfer, offset) === to);
  return isOne ? [{ address: to, stride }] : NONE;
}

/** Writes to the control memory what a task overwrites: rows of so many elements, and where each thread has `bytes` for its copies. */
export function describeCopies(
  control: Int32Array,
  overwritten: readonly Overwritten[],
  size: number,
  room: number,
  bytes: number,
): void {
  control[WORD.overwritten] = overwritten.length;
  control[WORD.rowBytes] = size * 4;
  control[WORD.copies] = room;
  control[WORD.copiesBytes] = bytes;
  overwritten.forEach(({ address, stride }, i) => {
    control[WORD.batches + 2 * i] = address;
    control[WORD.batches + 2 * i + 1] = stride;
  });
}
