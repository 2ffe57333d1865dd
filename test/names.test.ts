/** No mistake is silent: unknown names, objects of another kind, methods without their object. */
import { execFileSync } from "node:child_process";
import { runInNewContext } from "node:vm";
import { type Kernels, load, loadSync } from "adanorm";
import { describe, expect, test } from "vitest";

/** Lets a test pass what the types forbid. */
// biome-ignore lint/suspicious/noExplicitAny: that is its purpose
const any = (value?: unknown): any => value;

const kernels = loadSync();
const norm = kernels.layerNorm({ size: 4 });
const x = Float32Array.of(1, 2, 3, 5);

/** Every place that takes options: its name in errors, the names that it knows, and a call with some options. */
const LEVELS: [call: string, known: string, make: (options: unknown) => unknown][] = [
  ...(["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm", "l2Norm"] as const).map(
    (name): (typeof LEVELS)[number] => [
      `${name}: options`,
      "size, dtype, eps, epsAt, ddof, detachMean, detachStd, scale, k, detachScale",
      (options) => kernels[name](any({ size: 4, ...any(options) })),
    ],
  ),
  [
    "layerNorm.forward: options",
    "gain, bias, residual, sum, out, stats, rowStride",
    (options) => norm.forward(x, any(options)),
  ],
  ["layerNorm.forward: rowStride", "x, residual, sum, out", (options) => norm.forward(x, { rowStride: any(options) })],
  [
    "layerNorm.backward: options",
    "gain, bias, out, accumulate, dSum, rowStride, dx",
    (options) => norm.backward(x, x, undefined, any(options)),
  ],
  ["layerNorm.backward: out", "dx, dGain, dBias", (options) => norm.backward(x, x, undefined, { out: any(options) })],
  [
    "layerNorm.backward: rowStride",
    "dy, x, dSum, dx",
    (options) => norm.backward(x, x, undefined, { rowStride: any(options) }),
  ],
  [
    "layerNorm.prepareForward: options",
    "gain, bias, residual, sum, out, stats, rowStride",
    (options) => norm.prepareForward(kernels.matrix(2, 4), any(options)),
  ],
  [
    "layerNorm.prepareBackward: options",
    "gain, bias, out, accumulate, dSum, rowStride, dx",
    (options) => norm.prepareBackward(kernels.matrix(2, 4), kernels.matrix(2, 4), undefined, any(options)),
  ],
  ["rows: options", "dtype", (options) => kernels.rows(4, any(options))],
  ...(["sum", "mean", "variance", "std", "rms", "l1", "l2", "sumSquare", "min", "max", "moments"] as const).map(
    (name): (typeof LEVELS)[number] => [
      `rows.${name}: options`,
      "ddof, rowStride",
      (options) => any(kernels.rows(4))[name](x, options),
    ],
  ),
  ["rows.int8: options", "scale, rowStride", (options) => kernels.rows(4).int8(x, any(options))],
  ["rows.bits: options", "rowStride", (options) => kernels.rows(4).bits(x, any(options))],
  [
    "loadSync: options",
    "relaxedSimd, maximumBytes, threads, createWorker, module",
    (options) => loadSync(any(options)),
  ],
];

describe.each(LEVELS)("%s", (call, known, make) => {
  test("an unknown name is refused, and the known ones are told", () => {
    expect(() => make({ nonsense: 1 })).toThrow(new TypeError(`${call}: expected only ${known}, got "nonsense"`));
    expect(() => make({ nonsense: null })).toThrow(TypeError);
  });

  test("an unknown name without a value is as good as none", () => {
    expect(() => make({ nonsense: undefined })).not.toThrow();
  });

  test("each known name is taken without a value, from a class, and from an object without a prototype", () => {
    const names = known.split(", ");
    for (const name of names.filter((each) => each !== "size")) {
      expect(() => make({ [name]: undefined })).not.toThrow();
      expect(() => make(Object.assign(Object.create(null), { [name]: undefined }))).not.toThrow();
    }
    class Options {}
    expect(() => make(new Options())).not.toThrow();
    expect(() => make(runInNewContext("({})"))).not.toThrow();
  });

  // Here the norms are made with separate objects.
  if (call.endsWith(": options") && /^[a-zA-Z0-9]*Norm/.test(call) && !call.includes(".")) return;
  const others: [string, () => unknown][] = [
    ["an Array of 0", () => []],
    ["a Map", () => new Map()],
    ["a Date", () => new Date()],
    ["an ArrayBuffer", () => new ArrayBuffer(4)],
    ["Float32Array of 4", () => x],
    ["Float32Array of 0", () => new Float32Array(0)],
    ["a DataView", () => new DataView(new ArrayBuffer(4))],
    ["a Matrix", () => kernels.matrix(1, 4)],
    ["a Promise", () => Promise.resolve()],
  ];
  test.each(others)("%s is no object of options", (got, value) => {
    expect(() => make(value())).toThrow(new TypeError(`${call}: expected an object, got ${got}`));
  });
});

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

test("load refuses what loadSync does", async () => {
  await expect(load(any({ threads: 2, nonsense: 1 }))).rejects.toThrow("load: options: expected only");
  await expect(load(any([]))).rejects.toThrow("load: options: expected an object, got an Array of 0");
});

describe("the name that is likely to be meant is told:", () => {
  const cases: [given: string, meant: string, make: (options: object) => unknown][] = [
    ...["epsilon", "ep", "epss", "EPS", "variance_epsilon"].map((name): (typeof cases)[number] => [
      name,
      "eps",
      (options) => kernels.layerNorm(any(options)),
    ]),
    ["C", "scale", (options) => kernels.adaNorm(any(options))],
    ["K", "k", (options) => kernels.adaNorm(any(options))],
    ["unbiased", "ddof", (options) => kernels.layerNorm(any(options))],
    ["detachMeans", "detachMean", (options) => kernels.layerNorm(any(options))],
    ["normalized_shape", "size", (options) => kernels.layerNorm(any(options))],
    ["outt", "out", (options) => norm.forward(x, options)],
    ["gamma", "gain", (options) => norm.forward(x, options)],
    ["weight", "gain", (options) => norm.forward(x, options)],
    ["beta", "bias", (options) => norm.forward(x, options)],
    ["rowStrides", "rowStride", (options) => norm.forward(x, options)],
    ["acumulate", "accumulate", (options) => norm.backward(x, x, undefined, options)],
    ["gain", "dGain", (options) => norm.backward(x, x, undefined, { out: any(options) })],
    ["maxBytes", "maximumBytes", (options) => loadSync(options)],
  ];
  test.each(cases)("%s: %s", (given, meant, make) => {
    expect(() => make({ [given]: 1 })).toThrow(`got ${JSON.stringify(given)} (did you mean ${meant}?)`);
  });

  test("none where none is near", () => {
    for (const name of ["temperature", "rowStrideOfX", "z"]) {
      expect(() => norm.forward(x, any({ [name]: 1 }))).toThrow(new RegExp(`got "${name}"$`));
    }
    expect(() => kernels.adaNorm(any({ size: 4, z: 1 }))).toThrow(/got "z"$/);
  });
});

test("one object of options serves all norms, and all reductions: what has no effect is checked all the same", () => {
  const all = { size: 4, eps: 1e-3, scale: 2, k: 0.3, detachScale: false, ddof: 1 } as const;
  const plain = kernels.layerNorm({ size: 4, eps: 1e-3, ddof: 1 });
  expect(kernels.layerNorm(any(all)).forward(x).y).toEqual(plain.forward(x).y);
  expect(() => kernels.layerNorm(any({ size: 4, k: -1 }))).toThrow(
    "layerNorm: k: expected a finite number >= 0, got -1",
  );
  const rows = any(kernels.rows(4));
  expect(rows.sum(x, { ddof: 1 })).toEqual(rows.sum(x));
  expect(() => rows.sum(x, { ddof: 2 })).toThrow("rows.sum: ddof: expected 0 or 1, got 2");
});

describe("what a framework or a slip makes of the objects of the package", () => {
  const matrix = kernels.matrix(x, 4);
  const itself = (kind: string, method: string, got: string) =>
    new TypeError(
      `${kind}.${method}: this: expected the ${kind} itself, got ${got} ` +
        `(the method was taken off its ${kind}, or called on a Proxy of it)`,
    );

  test("a method that was taken off its object", () => {
    const { forward, backward } = norm;
    const { sum, moments } = kernels.rows(4);
    const { layerNorm, matrix: make, rows } = kernels;
    const { toArray, toFloat32, free } = matrix;
    expect(() => forward(x)).toThrow(itself("Norm", "forward", "undefined"));
    expect(() => backward(x, x)).toThrow(itself("Norm", "backward", "undefined"));
    expect(() => sum(x)).toThrow(itself("Rows", "sum", "undefined"));
    expect(() => moments(x)).toThrow(itself("Rows", "moments", "undefined"));
    for (const self of [null, 4, "rows", norm]) {
      expect(() => sum.call(self, x)).toThrow(itself("Rows", "sum", "another object"));
      expect(() => layerNorm.call(any(self), { size: 4 })).toThrow(itself("Kernels", "layerNorm", "another object"));
    }
    expect(() => layerNorm({ size: 4 })).toThrow(itself("Kernels", "layerNorm", "undefined"));
    expect(() => make(1, 4)).toThrow(itself("Kernels", "matrix", "undefined"));
    expect(() => rows(4)).toThrow(itself("Kernels", "rows", "undefined"));
    for (const [name, method] of Object.entries({ toArray, toFloat32, free })) {
      expect(() => method()).toThrow(itself("Matrix", name, "undefined"));
    }
  });

  test("a Proxy", () => {
    const proxy = <T extends object>(value: T) => new Proxy(value, {});
    const other = "another object";
    expect(() => proxy(norm).forward(x)).toThrow(itself("Norm", "forward", other));
    expect(() => proxy(norm).size).toThrow(itself("Norm", "size", other));
    expect(() => proxy(kernels.rows(4)).max(x)).toThrow(itself("Rows", "max", other));
    const wrapped: Kernels = proxy(kernels);
    for (const read of ["memory", "simd"] as const) expect(() => wrapped[read]).toThrow(itself("Kernels", read, other));
    for (const read of ["data", "rows", "cols", "dtype"] as const) {
      expect(() => proxy(matrix)[read]).toThrow(itself("Matrix", read, other));
    }
    expect(() => proxy(matrix)[Symbol.dispose ?? Symbol.for("Symbol.dispose")]()).toThrow(
      itself("Matrix", "free", other),
    );
    const x4 = "layerNorm.forward: x: expected a";
    expect(() => norm.forward(proxy(matrix))).toThrow(
      `${x4} Matrix itself, got a Proxy of one, as reactive frameworks make`,
    );
    expect(() => norm.forward(proxy(x))).toThrow(`${x4} Float32Array or a Matrix, got a Proxy of a typed array`);
    expect(() => norm.forward(any(revoked()))).toThrow("got an object that cannot be looked into");
  });

  test("a tensor of TensorFlow.js, a BigInt, a symbol, a long string", () => {
    const tensor = { dataId: {}, shape: [1, 4], dtype: "float32" };
    expect(() => norm.forward(any(tensor))).toThrow("got a Tensor of TensorFlow.js, which adanorm/tfjs takes");
    expect(() => kernels.layerNorm(any({ size: 4n }))).toThrow("size: expected an integer >= 1, got the BigInt 4n");
    expect(() => norm.forward(any(Symbol("x")))).toThrow("got Symbol(x)");
    expect(() => norm.forward(any("y".repeat(99)))).toThrow(`got "${"y".repeat(40)}..."`);
    expect(() => norm.forward(any("y".repeat(40)))).toThrow(`got "${"y".repeat(40)}"`);
    for (const part of [{ dataId: {} }, { shape: [1, 4] }]) {
      expect(() => norm.forward(any(part))).toThrow(/got an Object$/);
    }
    expect(() => norm.backward(x, x, any(revoked()))).toThrow(
      "layerNorm.backward: stats: expected an object, got an object that cannot be looked into",
    );
  });
});

test("an uncaught error shows a line of code, not the whole of it", () => {
  const program = `import { loadSync } from "adanorm"; loadSync().layerNorm({ size: 4, epsilon: 1 });`;
  const call = () => execFileSync(process.execPath, ["--input-type=module", "-e", program], { stdio: "pipe" });
  let printed = "";
  try {
    call();
  } catch (error) {
    printed = String(any(error).stderr);
  }
  expect(printed).toContain("(did you mean eps?)");
  expect(printed.length).toBeLessThan(4000);
});
