/** Random calls of forward and backward, by every route to the same bytes. */
import type { DType, ForwardOptions, Kernels, Matrix, Norm, RowStats, SummedForward } from "adanorm";
import type { Random } from "../accuracy/random.ts";
import type { Elements } from "../accuracy/storage.ts";
import type { NormName } from "../accuracy/subjects.ts";
import { check, MOST_ELEMENTS, piece, sameBytes } from "./contents.ts";

export const DTYPES: readonly DType[] = ["f32", "f16", "bf16"];
const NORMS: readonly NormName[] = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm", "l2Norm"];

export interface Call {
  norm: NormName;
  dtype: DType;
  size: number;
  rows: number;
  options: { eps: number; epsAt: "variance" | "std"; ddof: 0 | 1 };
  x: Elements;
  dy: Elements;
  gain?: Elements;
  bias?: Elements;
  residual?: Elements;
  dSum?: Elements;
}

/** The results of a call, in separate arrays. */
export type Results = Record<string, Elements | Float64Array>;

/** Sizes of every magnitude, most of them small. */
export function orders(random: Random, most: number): number {
  return Math.floor(most ** random.uniform());
}

export function drawCall(random: Random, mostElements = 20_000): Call {
  const norm = NORMS[random.integer(NORMS.length)] as NormName;
  const dtype = DTYPES[random.integer(3)] as DType;
  const size = orders(random, Math.min(mostElements, 1100));
  const rows = random.uniform() < 0.05 ? 0 : orders(random, Math.min(mostElements / size, MOST_ELEMENTS / size));
  const batch = () => piece(random, rows * size, dtype);
  const often = () => random.uniform() < 0.5;
  const param = () => piece(random, size, often() ? "f32" : dtype);
  const has = norm === "layerNorm" || norm === "rmsNorm";
  return {
    norm,
    dtype,
    size,
    rows,
    options: { eps: 1e-5, epsAt: often() ? "variance" : "std", ddof: size > 1 && often() ? 1 : 0 },
    x: batch(),
    dy: batch(),
    ...(has && often() && { gain: param() }),
    ...(has && often() && { bias: param() }),
    ...(often() && { residual: batch() }),
    ...(often() && { dSum: batch() }),
  };
}

export function describeCall({ norm, dtype, size, rows, ...rest }: Call): string {
  const given = (["gain", "bias", "residual", "dSum"] as const).filter((name) => rest[name]);
  return `${norm} ${rows} x ${size} ${dtype}${given.map((name) => `, ${name}`).join("")}`;
}

export function normOf(kernels: Kernels, { norm, size, dtype, options }: Call): Norm {
  return kernels[norm]({ size, dtype, ...options });
}

export function onArrays(kernels: Kernels, call: Call): Results {
  const { x, dy, gain, bias, residual, dSum } = call;
  const norm = normOf(kernels, call);
  const { y, sum, mean, rstd } = norm.forward(x, { gain, bias, residual } as { residual: Elements });
  const given = { gain, bias, dSum };
  return { y, ...(sum && { sum }), mean, rstd, ...arraysOf(norm.backward(dy, sum ?? x, { mean, rstd }, given)) };
}

/**
 * On matrices, which are made and freed here; backward computes the statistics again.
 *
 * @param way "prepared": by prepared calls that run twice and are freed; "dropped": all but their results is left to the collector.
 */
export function onMatrices(kernels: Kernels, call: Call, way: "ordinary" | "prepared" | "dropped"): Results {
  const { size, dtype } = call;
  const made: Matrix[] = [];
  const place = (elements: Elements | undefined, type = dtype) => {
    if (elements === undefined) return undefined;
    const matrix = kernels.matrix(elements, size, type);
    made.push(matrix);
    return matrix;
  };
  const param = (elements: Elements | undefined) => {
    return place(elements, elements instanceof Float32Array ? "f32" : dtype);
  };
  const batch = (elements: Elements) => place(elements) as Matrix;
  try {
    const norm = normOf(kernels, call);
    const [gain, bias, residual, dSum] = [param(call.gain), param(call.bias), place(call.residual), place(call.dSum)];
    const [x, dy] = [batch(call.x), batch(call.dy)];
    if (way !== "ordinary") {
      const forwardCall = norm.prepareForward(x, { gain, bias, residual } as { residual: Matrix });
      const { sum } = forwardCall.run() as SummedForward<Matrix>;
      const backwardCall = norm.prepareBackward(dy, sum ?? x, forwardCall, { gain, bias, dSum });
      backwardCall.run();
      const { dx, dGain, dBias } = backwardCall.run();
      const { y, ...others } = forwardCall.run();
      const results = arraysOf({ y, ...others, dx, dGain, dBias });
      if (way === "prepared") for (const prepared of [backwardCall, forwardCall]) prepared.free();
      else for (const matrix of [y, sum, dx, dGain, dBias]) if (matrix) made.push(matrix as Matrix);
      return results;
    }
    const forward = norm.forward(x, { gain, bias, residual } as { residual: Matrix });
    made.push(forward.y);
    if (forward.sum) made.push(forward.sum);
    const { dx, dGain, dBias } = norm.backward(dy, forward.sum ?? x, undefined, { gain, bias, dSum });
    for (const matrix of [dx, dGain, dBias]) if (matrix) made.push(matrix as Matrix);
    return arraysOf({ ...forward, dx, dGain, dBias });
  } finally {
    for (const matrix of made) matrix.free();
  }
}

/** In place on arrays: y over x, the sum over the residual, dx over dy. */
export function inPlace(kernels: Kernels, call: Call): Results {
  const { gain, bias, dSum } = call;
  const [x, dy, residual] = [call.x.slice(), call.dy.slice(), call.residual?.slice()];
  const norm = normOf(kernels, call);
  const kept = x.slice();
  const options = residual ? { residual, sum: residual } : {};
  const given = { gain, bias, out: x, ...options } as ForwardOptions<Elements> & { residual: Elements };
  const { y, sum, ...stats } = norm.forward(x, given);
  const gradients = norm.backward(dy, sum ?? kept, stats, { gain, bias, dSum, out: { dx: dy } });
  check(y === x && sum === residual && gradients.dx === dy, () => "what was given as out did not come back");
  return arraysOf({ y, sum, ...stats, ...gradients });
}

/** Rows in two parts, without the sums over rows. */
export function inParts(kernels: Kernels, call: Call, random: Random): Results {
  const { size, rows, gain, bias } = call;
  const norm = normOf(kernels, call);
  const middle = random.integer(rows + 1);
  const parts = [
    [0, middle],
    [middle, rows],
  ].map(([from, to]) => {
    const part = (elements: Elements | undefined) => elements?.subarray((from as number) * size, (to as number) * size);
    const x = part(call.x) as Elements;
    const { y, sum, ...stats } = norm.forward(x, { gain, bias, residual: part(call.residual) } as {
      residual: Elements;
    });
    const options = { gain, bias, dSum: part(call.dSum) };
    const { dx } = norm.backward(part(call.dy) as Elements, sum ?? x, stats as RowStats, options);
    return { y, ...(sum && { sum }), ...(stats as RowStats), dx } as Results;
  }) as [Results, Results];
  return Object.fromEntries(
    Object.entries(parts[0]).map(([name, head]) => {
      const tail = parts[1][name] as typeof head;
      const whole = new (head.constructor as Float64ArrayConstructor)(head.length + tail.length);
      whole.set(head);
      whole.set(tail, head.length);
      return [name, whole as typeof head];
    }),
  );
}

/** Fails unless the results that both have are the same bytes. */
export function checkSame(call: Call, route: string, got: Results, want: Results): void {
  for (const [name, elements] of Object.entries(got)) {
    check(sameBytes(elements, want[name] as Elements), () => `${describeCall(call)}: ${name} differs, ${route}`);
  }
}

/** The results that exist, as arrays; matrices are copied. */
function arraysOf(results: object): Results {
  const there = Object.entries(results).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    there.map(([name, value]) => [name, ArrayBuffer.isView(value) ? value : (value as Matrix).toArray()]),
  ) as Results;
}
