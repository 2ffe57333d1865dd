/**
 * The checks of norms whose gains are of parts of a batch: of a sample, where a call for each sample must give the same bytes; or of a
 * channel, where layerNorm with repeated gains says what is exact.
 */
import type { Kernels, Matrix, Norm } from "adanorm";
import { boundOf, ULP } from "../accuracy/bounds.ts";
import { Random } from "../accuracy/random.ts";
import type { Elements } from "../accuracy/storage.ts";
import type { ChannelsCase, NormCase, SamplesCase } from "./cases.ts";
import { type Data, type Plain, present } from "./data.ts";
import { fail, sameBytes } from "./failure.ts";
import { checkPlain } from "./norm.ts";
import { makeGradients, makeParam, makeRows } from "./values.ts";

type PartsCase = SamplesCase | ChannelsCase;

export interface PartsData {
  x: Elements;
  dy: Elements;
  gain: Elements | undefined;
  bias: Elements | undefined;
}

/** The rows of a case, their length, and the elements of its gain. */
export function shapeOf(each: PartsCase): { rows: number; size: number; params: number } {
  const { samples } = each;
  if (each.kind === "samples")
    return { rows: samples * each.rowsPerGain, size: each.size, params: samples * each.size };
  const { groups, inGroup, spatial } = each;
  return { rows: samples * groups, size: inGroup * spatial, params: groups * inGroup };
}

export function makeParts(each: PartsCase): PartsData {
  const { seed, family, dyFamily, dyExponent, dtype } = each;
  const { rows, size, params } = shapeOf(each);
  const random = new Random(`${seed}`);
  const param = (of: PartsCase["gain"]) => of && makeParam(of, params, "f32", random);
  const x = makeRows(family, rows, size, dtype, random);
  const dy = makeGradients(dyFamily, rows, size, dtype, dyExponent, random);
  return { x, dy, gain: param(each.gain), bias: param(each.bias) };
}

export function partsNorm(kernels: Kernels, each: PartsCase): Norm {
  const { dtype, options } = each;
  if (each.kind === "samples") return kernels[each.norm]({ size: each.size, dtype, ...options });
  const { groups, inGroup, spatial } = each;
  return kernels.groupNorm({ channels: groups * inGroup, groups, spatial, dtype, ...options });
}

function run(norm: Norm, { x, dy, gain, bias }: PartsData): Plain {
  const { y, mean, rstd } = norm.forward<Elements>(x, present({ gain, bias }));
  const { dx, dGain, dBias } = norm.backward<Elements>(dy, x, undefined, present({ gain, bias }));
  return { y, sum: undefined, mean, rstd, dx, dGain: dGain as Float32Array, dBias: dBias as Float32Array };
}

const RESULTS = ["y", "mean", "rstd", "dx", "dGain", "dBias"] as const;

/** The results of a call on matrices, or of a prepared one. */
function runMatrices(kernels: Kernels, norm: Norm, each: PartsCase, data: PartsData): Plain {
  const made: { free(): void }[] = [];
  const hold = <T extends { free(): void }>(one: T): T => {
    made.push(one);
    return one;
  };
  const matrix = (elements: Elements, dtype = each.dtype) => hold(kernels.matrix(elements, norm.size, dtype));
  const [x, dy] = [matrix(data.x), matrix(data.dy)];
  const param = (of: Elements | undefined) => of && hold(kernels.matrix(of, of.length, "f32"));
  const params = present({ gain: param(data.gain), bias: param(data.bias) });
  const forward = each.prepared ? hold(norm.prepareForward(x, params)) : norm.forward<Matrix>(x, params);
  const { y, ...stats } = "run" in forward ? forward.run() : forward;
  // Those of a prepared call are views of the memory, which may grow before the end.
  const [mean, rstd] = [stats.mean.slice(), stats.rstd.slice()];
  const backward = each.prepared
    ? hold(norm.prepareBackward(dy, x, forward, params)).run()
    : norm.backward<Matrix>(dy, x, { mean, rstd }, params);
  const { dx, dGain, dBias } = backward as { dx: Matrix; dGain?: Matrix<"f32">; dBias?: Matrix<"f32"> };
  const results = { y: y.toArray(), sum: undefined, mean, rstd, dx: dx.toArray() };
  const gradients = { dGain: dGain?.toArray(), dBias: dBias?.toArray() };
  if (!each.prepared) for (const one of [y, dx, dGain, dBias]) one?.free();
  for (const one of made.reverse()) one.free();
  return { ...results, ...gradients } as Plain;
}

function same(got: Plain, want: Plain, what: string): void {
  for (const name of RESULTS) {
    const [one, other] = [got[name], want[name]];
    if (one && other && sameBytes(one, other)) continue;
    if (one === undefined && other === undefined) continue;
    fail(`${what}: ${name}: other bytes`);
  }
}

/** A part of each array, as long as its share. */
function part<T extends Elements | Float64Array | undefined>(array: T, index: number, parts: number): T {
  if (array === undefined) return array;
  const length = array.length / parts;
  return array.slice(index * length, (index + 1) * length) as T;
}

function checkSamples(norm: Norm, { samples }: SamplesCase, data: PartsData, results: Plain): void {
  for (let sample = 0; sample < samples; sample++) {
    const of = <T extends Elements | undefined>(array: T) => part(array, sample, samples);
    const want = run(norm, { x: of(data.x), dy: of(data.dy), gain: of(data.gain), bias: of(data.bias) });
    const got = Object.fromEntries(RESULTS.map((name) => [name, part(results[name], sample, samples)]));
    same(got as unknown as Plain, want, `sample ${sample}, alone`);
  }
}

/** The rows of one group of all samples, one behind the other. */
function rowsOf<T extends Elements | Float64Array>(array: T, group: number, { samples, groups }: ChannelsCase): T {
  const length = array.length / (samples * groups);
  const picked = array.slice(0, samples * length) as T;
  for (let sample = 0; sample < samples; sample++) {
    const start = (sample * groups + group) * length;
    picked.set(array.subarray(start, start + length) as never, sample * length);
  }
  return picked;
}

function checkChannels(each: ChannelsCase, data: PartsData, results: Plain): void {
  const { groups, inGroup, spatial, dtype } = each;
  const { size } = shapeOf(each);
  for (let group = 0; group < groups; group++) {
    const repeated = (param: Elements | undefined) =>
      param &&
      Float32Array.from({ length: size }, (_, i) => param[group * inGroup + Math.floor(i / spatial)] as number);
    const rows = <T extends Elements | Float64Array>(array: T) => rowsOf(array, group, each);
    const own: Data = {
      ...{ x: rows(data.x), dy: rows(data.dy), gain: repeated(data.gain), bias: repeated(data.bias) },
      ...{ residual: undefined, dSum: undefined, before: new Float32Array(size) },
    };
    const { y, mean, rstd, dx } = results;
    const plain = { y: rows(y), mean: rows(mean), rstd: rows(rstd), dx: rows(dx) };
    const layer = { ...each, kind: "norm", norm: "layerNorm", size, rows: each.samples, residual: false, dSum: false };
    const { exact, columns } = checkPlain(layer as unknown as NormCase, own, {
      ...plain,
      ...{ sum: undefined, dGain: undefined, dBias: undefined },
    });
    for (let channel = 0; channel < inGroup; channel++) {
      const sum = (values: Float64Array) =>
        values.subarray(channel * spatial, (channel + 1) * spatial).reduce((total, value) => total + value, 0);
      for (const [name, sums, units, isNumber] of [
        ["dGain", exact.backward.dGain, columns.gainUnits, columns.isNumber],
        ["dBias", exact.backward.dBias, columns.biasUnits, true],
      ] as const) {
        const got = results[name]?.[group * inGroup + channel];
        if (got === undefined) continue;
        const want = isNumber ? sum(sums) : Number.NaN;
        if (Number.isNaN(want) && Number.isNaN(got)) continue;
        // The last term is the rounding to f32, and what is less than its smallest number.
        const bound = boundOf(name, size) * 2 * ULP * sum(units) + ULP * Math.abs(want) + 2 ** -149;
        const isFar = Math.abs(want) > 3.4e38 && Math.abs(got) === Number.POSITIVE_INFINITY;
        if (Math.abs(got - want) <= bound || isFar) continue;
        fail(`${name} ${group * inGroup + channel} (${dtype}): got ${got}, expected ${want} within ${bound}`);
      }
    }
  }
}

export function checkParts(kernels: Kernels, each: PartsCase): void {
  const data = makeParts(each);
  const norm = partsNorm(kernels, each);
  const results = run(norm, data);
  if (each.kind === "samples") checkSamples(norm, each, data, results);
  else checkChannels(each, data, results);
  same(runMatrices(kernels, norm, each, data), results, each.prepared ? "prepared" : "matrices");
}
