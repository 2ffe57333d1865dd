/** ONNX's own test vectors: Layer-, RMS-, Group-, Instance-, MeanVariance- and LpNormalization, and the reductions over trailing axes. */
import { readFileSync } from "node:fs";
import { loadSync, type Rows } from "adanorm";
import { describe, expect, it } from "vitest";
import { expectWithin } from "./support.ts";

interface Tensor {
  name: string;
  shape: number[];
  offset: number;
  length: number;
  data?: number[];
}

interface Case {
  name: string;
  op: string;
  attrs: {
    axis?: number;
    epsilon?: number;
    keepdims?: number;
    p?: number;
    num_groups?: number;
    noop_with_empty_axes?: number;
  };
  inputs: Tensor[];
  outputs: Tensor[];
}

const folder = new URL("data/", import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL("onnx.json", folder), "utf8")) as { cases: Case[] };
const file = readFileSync(new URL("onnx.bin", folder));
const kernels = loadSync();

function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor === undefined) throw new Error("the case lacks a tensor");
  return new Float32Array(file.buffer.slice(file.byteOffset + tensor.offset).slice(0, tensor.length * 4));
}

const product = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** 1e-6 of max(1, |value|): a thousandth of what ONNX's own runner allows. */
function expectClose(got: ArrayLike<number>, want: Float32Array, what: string): void {
  expectWithin(
    got,
    want,
    Float64Array.from(want, (value) => 1e-6 * Math.max(1, Math.abs(value))),
    what,
  );
}

const ofOp = (op: string) => cases.filter((one) => one.op === op);

describe("LayerNormalization", () => {
  it("has all of ONNX's cases", () => expect(ofOp("LayerNormalization").length).toBe(19));

  it.each(ofOp("LayerNormalization"))("$name", ({ attrs, inputs, outputs }) => {
    const [X, W, B] = inputs as [Tensor, Tensor, Tensor];
    const [Y, Mean, InvStdDev] = outputs;
    const size = product(X.shape.slice(attrs.axis ?? -1));
    const norm = kernels.layerNorm({ size, eps: attrs.epsilon ?? 1e-5 });
    const { y, mean, rstd } = norm.forward(floats(X), { gain: floats(W), bias: floats(B) });
    expectClose(y, floats(Y), "Y");
    expectClose(mean, floats(Mean), "Mean");
    expectClose(rstd, floats(InvStdDev), "InvStdDev");
  });
});

describe("RMSNormalization", () => {
  it("has all of ONNX's cases", () => expect(ofOp("RMSNormalization").length).toBe(19));

  it.each(ofOp("RMSNormalization"))("$name", ({ attrs, inputs, outputs }) => {
    const [X, W] = inputs as [Tensor, Tensor];
    const size = product(X.shape.slice(attrs.axis ?? -1));
    const norm = kernels.rmsNorm({ size, eps: attrs.epsilon ?? 1e-5 });
    expectClose(norm.forward(floats(X), { gain: floats(W) }).y, floats(outputs[0]), "Y");
  });
});

describe("GroupNormalization", () => {
  it("has all of ONNX's cases", () => expect(ofOp("GroupNormalization").length).toBe(2));

  it.each(ofOp("GroupNormalization"))("$name", ({ attrs, inputs, outputs }) => {
    const [X, scale, B] = inputs as [Tensor, Tensor, Tensor];
    const [, channels, ...axes] = X.shape as [number, number, ...number[]];
    const groups = attrs.num_groups as number;
    const norm = kernels.groupNorm({ channels, groups, spatial: product(axes), eps: attrs.epsilon ?? 1e-5 });
    expectClose(norm.forward(floats(X), { gain: floats(scale), bias: floats(B) }).y, floats(outputs[0]), "Y");
  });
});

describe("InstanceNormalization", () => {
  it("has all of ONNX's cases", () => expect(ofOp("InstanceNormalization").length).toBe(2));

  it.each(ofOp("InstanceNormalization"))("$name", ({ attrs, inputs, outputs }) => {
    const [X, scale, B] = inputs as [Tensor, Tensor, Tensor];
    const [, channels, ...axes] = X.shape as [number, number, ...number[]];
    const norm = kernels.instanceNorm({ channels, spatial: product(axes), eps: attrs.epsilon ?? 1e-5 });
    expectClose(norm.forward(floats(X), { gain: floats(scale), bias: floats(B) }).y, floats(outputs[0]), "Y");
  });
});

describe("MeanVarianceNormalization", () => {
  it("has ONNX's case", () => expect(ofOp("MeanVarianceNormalization").length).toBe(1));

  /** Elements with the channels first, from those with the samples first, or back. */
  function swapped(values: Float32Array, first: number, second: number): Float32Array {
    const run = values.length / (first * second);
    return values.map((_, at) => {
      const [outer, inner] = [Math.floor(at / run / first), Math.floor(at / run) % first];
      return values[(inner * second + outer) * run + (at % run)] as number;
    });
  }

  it.each(ofOp("MeanVarianceNormalization"))("$name: over a channel of all samples", ({ inputs, outputs }) => {
    const [X] = inputs as [Tensor];
    const [samples, channels] = X.shape as [number, number];
    // Its formula divides by sqrt(E[x^2] - E[x]^2) + 1e-9.
    const norm = kernels.instanceNorm({ channels, spatial: X.length / channels, eps: 1e-9, epsAt: "std" });
    const { y } = norm.forward(swapped(floats(X), samples, channels));
    expectClose(swapped(y, channels, samples), floats(outputs[0]), "Y");
  });
});

describe("LpNormalization", () => {
  /** Of the Euclidean norm, over the last axis. */
  const served = ofOp("LpNormalization").filter(({ attrs: { p = 2, axis = -1 }, inputs }) => {
    return p === 2 && (axis === -1 || axis === (inputs[0] as Tensor).shape.length - 1);
  });

  it("has ONNX's cases of l2Norm", () => expect(served.length).toBe(2));

  it.each(served)("$name", ({ inputs, outputs }) => {
    const [X] = inputs as [Tensor];
    const norm = kernels.l2Norm({ size: X.shape.at(-1) as number });
    expectClose(norm.forward(floats(X)).y, floats(outputs[0]), "Y");
  });
});

describe("reductions over trailing axes", () => {
  const reductions: Record<string, keyof Omit<Rows, "moments">> = {
    ReduceSum: "sum",
    ReduceMean: "mean",
    ReduceL1: "l1",
    ReduceL2: "l2",
    ReduceSumSquare: "sumSquare",
  };

  /** The number of trailing axes that a case reduces; undefined if it reduces other axes. */
  function trailing({ attrs, inputs }: Case): number | undefined {
    const [data, axes] = inputs as [Tensor, Tensor];
    const rank = data.shape.length;
    const named = (axes.data ?? []).map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
    if (named.length === 0) return attrs.noop_with_empty_axes ? 0 : rank;
    return named.every((axis, index) => axis === rank - named.length + index) ? named.length : undefined;
  }

  const reduced = cases.filter((one) => one.op in reductions && trailing(one) !== undefined);

  it("finds the cases", () => expect(reduced.length).toBe(25));

  it.each(reduced)("$name", (one) => {
    const [data] = one.inputs as [Tensor];
    const axes = trailing(one) as number;
    const size = product(data.shape.slice(data.shape.length - axes));
    const rows = kernels.rows(size);
    expectClose(rows[reductions[one.op] as "sum"](floats(data)), floats(one.outputs[0]), one.op);
  });
});
