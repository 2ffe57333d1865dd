/** The other routes to the same bytes: matrices, places, strides, results over inputs, batches in parts. */
import type { HostArray, Kernels, Matrix, Norm } from "adanorm";
import type { Elements } from "../accuracy/storage.ts";
import { Backing } from "./backing.ts";
import type { NormCase, Param, Target } from "./cases.ts";
import { type Data, hasParams, type Plain, present } from "./data.ts";
import { fail } from "./failure.ts";
import { PLAIN, Placed, strides } from "./places.ts";

type Batch = HostArray | Matrix;

/** The most batches that one call is given. */
const MOST_BATCHES = 4;

/** The backings of this case, to be checked and freed at its end. */
class Layout {
  readonly #backings = new Set<Backing>();
  readonly #kernels: Kernels;
  readonly #each: NormCase;
  /** The rows that hold the batches of one call side by side, and the number of these batches. */
  #wide: Backing | undefined;
  #slots = 0;

  constructor(kernels: Kernels, each: NormCase) {
    this.#kernels = kernels;
    this.#each = each;
  }

  /** From here on, batches belong to another call. */
  begin(): void {
    this.#wide = undefined;
    this.#slots = 0;
  }

  batch(name: keyof NormCase["places"], elements: Elements | undefined): Placed | undefined {
    if (elements === undefined) return undefined;
    const { size, dtype, places, matrices, interleaved } = this.#each;
    const place = places[name];
    if (matrices || !interleaved) {
      return this.#note(Placed.alone(this.#kernels, name, elements, size, dtype, place, matrices));
    }
    const [stride, { lead, view }] = [MOST_BATCHES * (size + 1), places.x];
    const length = lead + (elements.length / size) * stride;
    this.#wide ??= new Backing(this.#kernels, "batches side by side", length, dtype, view ? "view" : "array");
    const where = { ...place, lead: lead + this.#slots++ * (size + 1), gap: stride - size };
    return this.#note(new Placed(this.#wide, elements, size, dtype, where, true));
  }

  param(name: string, elements: Elements | undefined, { float, matrix, place }: Param): Placed | undefined {
    if (elements === undefined) return undefined;
    const { size, dtype } = this.#each;
    const where = { ...place, gap: 0 };
    return this.#note(Placed.alone(this.#kernels, name, elements, size, float ? "f32" : dtype, where, matrix));
  }

  column(name: string, elements: Float32Array, matrix: boolean): Placed {
    const { size } = this.#each;
    return this.#note(Placed.alone(this.#kernels, name, elements, size, "f32", { ...PLAIN, lead: 3 }, matrix));
  }

  check(): void {
    for (const backing of this.#backings) backing.check();
  }

  free(): void {
    for (const backing of this.#backings) backing.free();
  }

  #note(placed: Placed): Placed {
    this.#backings.add(placed.backing);
    return placed;
  }
}

/** The elements of a result, from the given place or from a new array or matrix. A new matrix is freed. */
function taken(name: string, result: Batch, given: Placed | undefined): Elements {
  if (given !== undefined) {
    if (!given.isGiven(result)) fail(`${name}: what was given for it did not come back`);
    return given.take();
  }
  if (ArrayBuffer.isView(result)) {
    return result instanceof Float32Array ? result : new Uint16Array(result.buffer, result.byteOffset, result.length);
  }
  const elements = (result as Matrix).toArray();
  (result as Matrix).free();
  return elements;
}

/** The elements at the place of a result before it is written: different ones. */
function blank(elements: Elements): Elements {
  return elements.slice().fill(1);
}

function forward(norm: Norm, each: NormCase, data: Data, plain: Plain, layout: Layout) {
  const { size } = each;
  layout.begin();
  const x = layout.batch("x", data.x) as Placed;
  const residual = layout.batch("residual", data.residual);
  const gain = each.gain && layout.param("gain", data.gain, each.gain);
  const bias = each.bias && layout.param("bias", data.bias, each.bias);
  const target = (to: Target, name: "sum" | "out"): Placed | undefined => {
    if (to === "new") return undefined;
    if (to === "x") return x;
    return (to === "residual" && residual) || layout.batch(name, blank(plain.y));
  };
  const sum = residual && target(each.sum, "sum");
  let out = target(each.out, "out");
  // Two results must not share a place.
  if (out !== undefined && out === sum) out = layout.batch("out", blank(plain.y));
  const value = (placed: Placed | undefined) => placed?.value as Elements;
  const result = norm.forward<Elements>(value(x), {
    ...present({ gain: gain?.value, bias: bias?.value, residual: value(residual), sum: value(sum), out: value(out) }),
    ...strides(size, { x, residual, sum, out }),
  } as { residual: Elements });
  return {
    y: taken("y", result.y, out),
    sum: residual && taken("sum", result.sum, sum),
    mean: result.mean,
    rstd: result.rstd,
  };
}

/** The places of dGain and dBias, if the norm has them, for all calls of a case. */
export function makeColumns(each: NormCase, data: Data, layout: Layout): Record<"dGain" | "dBias", Placed> | undefined {
  const { given, matrix, accumulate } = each.columns;
  if (!hasParams(each) || !given) return undefined;
  const elements = accumulate ? data.before : (data.before.slice().fill(0) as Float32Array);
  return { dGain: layout.column("dGain", elements, matrix), dBias: layout.column("dBias", elements, matrix) };
}

function backward(
  norm: Norm,
  each: NormCase,
  data: Data,
  plain: Plain,
  layout: Layout,
  columns: ReturnType<typeof makeColumns>,
  accumulate: boolean,
) {
  const { size } = each;
  layout.begin();
  const x = layout.batch("x", plain.sum ?? data.x) as Placed;
  const dy = layout.batch("dy", data.dy) as Placed;
  const dSum = layout.batch("dSum", data.dSum);
  const gain = each.gain && layout.param("gain", data.gain, each.gain);
  const bias = each.bias && layout.param("bias", data.bias, each.bias);
  const places = { x, dy, dSum, own: undefined, new: undefined, residual: undefined };
  const dx = each.dx === "new" ? undefined : (places[each.dx] ?? layout.batch("dx", blank(plain.dx)));
  const stats = each.stats ? { mean: plain.mean.slice(), rstd: plain.rstd.slice() } : undefined;
  const value = (placed: Placed | undefined) => placed?.value as Elements;
  const out = present({ dx: value(dx), dGain: value(columns?.dGain), dBias: value(columns?.dBias) }) as {
    dx: Elements;
  };
  const result = norm.backward<Elements>(value(dy), value(x), stats, {
    ...present({ gain: gain?.value, bias: bias?.value, dSum: value(dSum) }),
    ...(Object.keys(out).length > 0 && { out }),
    ...(accumulate && { accumulate }),
    ...strides(size, { dy, x, dSum, dx }),
  });
  for (const name of ["dGain", "dBias"] as const) {
    const made = result[name];
    if (made && !columns && !ArrayBuffer.isView(made)) made.free();
  }
  return { dx: taken("dx", result.dx, dx) };
}

/** The results of a case by its own route; those of columns after all of its calls. */
export interface Varied {
  y: Elements;
  sum: Elements | undefined;
  mean: Float64Array;
  rstd: Float64Array;
  dx: Elements;
}

function joined<T extends Elements | Float64Array>(head: T, tail: T): T {
  const whole = new (head.constructor as new (length: number) => T)(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

/** Rows of everything that has rows. */
function part<T extends Data | Plain>(all: T, from: number, to: number, size: number): T {
  const lengths: Record<string, number> = {
    x: size,
    dy: size,
    residual: size,
    dSum: size,
    y: size,
    sum: size,
    dx: size,
  };
  Object.assign(lengths, { mean: 1, rstd: 1 });
  const entries = Object.entries(all).map(([name, value]) => {
    const length = lengths[name];
    return [name, length && value ? (value as Elements).subarray(from * length, to * length) : value];
  });
  return Object.fromEntries(entries) as T;
}

/** Runs a case by its own route, and fails if it writes anything else. */
export function runVaried(kernels: Kernels, norm: Norm, each: NormCase, data: Data, plain: Plain) {
  const { size, rows, split } = each;
  const layout = new Layout(kernels, each);
  try {
    const columns = makeColumns(each, data, layout);
    const { accumulate } = each.columns;
    const run = (data: Data, plain: Plain, adds: boolean): Varied => {
      return {
        ...forward(norm, each, data, plain, layout),
        ...backward(norm, each, data, plain, layout, columns, columns !== undefined && adds),
      };
    };
    let result: Varied;
    if (split === undefined) {
      result = run(data, plain, accumulate);
    } else {
      const middle = Math.round(split * rows);
      const [head, tail] = [
        [0, middle],
        [middle, rows],
      ].map(([from, to], index) => {
        const range = [from as number, to as number, size] as const;
        return run(part(data, ...range), part(plain, ...range), accumulate || index > 0);
      }) as [Varied, Varied];
      result = {
        y: joined(head.y, tail.y),
        sum: head.sum && tail.sum && joined(head.sum, tail.sum),
        mean: joined(head.mean, tail.mean),
        rstd: joined(head.rstd, tail.rstd),
        dx: joined(head.dx, tail.dx),
      };
    }
    const [dGain, dBias] = [columns?.dGain.take(), columns?.dBias.take()] as (Float32Array | undefined)[];
    layout.check();
    return { result, dGain, dBias };
  } finally {
    layout.free();
  }
}
