/** Every call with all its arguments, by name. */
import { loadSync, type Matrix } from "adanorm";
import type { Elements } from "../../accuracy/storage.ts";
import { contentsOf, type HostileCase, isMatrix, makeNorm, type Scene, shapeOf } from "./scene.ts";

/** The kind of an argument: it decides which values are valid, and which only look valid. */
export type Role =
  | "batch"
  | "column"
  | "source"
  | "stat"
  | "options"
  | "open options"
  | "number"
  | "scale"
  | "integer"
  | "count"
  | "stride"
  | "strides"
  | "flag"
  | "epsAt"
  | "ddof"
  | "dtype"
  | "bytes"
  | "module"
  | "self";

// biome-ignore lint/suspicious/noExplicitAny: the arguments are of every type, and of none.
export type Arguments = Record<string, any>;

export interface Call {
  /** What its messages begin with. */
  starts(each: HostileCase): string;
  make(scene: Scene): Arguments;
  run(scene: Scene, args: Arguments): unknown;
  /** As a program says it. */
  text(each: HostileCase): string;
  roles: Readonly<Record<string, Role>>;
}

function forwardArguments({ operands, hasParams, each: { size } }: Scene): Arguments {
  const { x, gain, bias, residual, sum, out } = operands;
  const rowStride = { x: size, residual: size, sum: size, out: size };
  return { x, options: { ...(hasParams && { gain, bias }), residual, sum, out, rowStride } };
}

function backwardArguments({ operands, hasParams, stats, each: { size } }: Scene): Arguments {
  const { dy, x, gain, bias, dSum, dx, dGain, dBias } = operands;
  const rowStride = { dy: size, x: size, dSum: size, dx: size };
  const out = { dx, ...(hasParams && { dGain, dBias }) };
  return {
    dy,
    x,
    stats: { ...stats },
    options: { ...(hasParams && { gain, bias }), dSum, out, accumulate: true, rowStride },
  };
}

const ROWS_ROLES = { x: "batch", options: "options", "options.rowStride": "stride" } as const;

/** The calls of rows: what each takes besides x and a stride. */
const ROWS = {
  "rows.l2": { roles: ROWS_ROLES, more: {} },
  "rows.variance": { roles: { ...ROWS_ROLES, "options.ddof": "ddof" }, more: { ddof: 0 } },
  "rows.moments": { roles: { ...ROWS_ROLES, "options.ddof": "ddof" }, more: { ddof: 0 } },
  "rows.int8": { roles: { ...ROWS_ROLES, "options.scale": "scale" }, more: { scale: 1 / 127 } },
  "rows.bits": { roles: ROWS_ROLES, more: {} },
} as const;

function rowsCall(name: keyof typeof ROWS): Call {
  const method = name.slice(5) as "l2" | "variance" | "moments" | "int8" | "bits";
  return {
    starts: () => name,
    make: ({ operands, each: { size } }) => ({ x: operands.x, options: { ...ROWS[name].more, rowStride: size } }),
    run: ({ kernels, each: { size, dtype } }, { x, options }) => {
      return [kernels.rows(size, { dtype })[method](x, options)].flatMap((one) =>
        ArrayBuffer.isView(one) ? [one] : Object.values(one as object),
      );
    },
    text: ({ size, dtype }) => `kernels.rows(${size}, { dtype: "${dtype}" }).${method}(args.x, args.options)`,
    roles: ROWS[name].roles,
  };
}

const FORWARD_ROLES = {
  x: "batch",
  options: "options",
  "options.gain": "column",
  "options.bias": "column",
  "options.residual": "batch",
  "options.sum": "batch",
  "options.out": "batch",
  "options.rowStride": "strides",
  "options.rowStride.x": "stride",
  "options.rowStride.out": "stride",
} as const;

const BACKWARD_ROLES = {
  dy: "batch",
  x: "batch",
  stats: "open options",
  "stats.mean": "stat",
  "stats.rstd": "stat",
  options: "options",
  "options.gain": "column",
  "options.bias": "column",
  "options.dSum": "batch",
  "options.out": "options",
  "options.out.dx": "batch",
  "options.out.dGain": "column",
  "options.out.dBias": "column",
  "options.accumulate": "flag",
  "options.rowStride": "strides",
  "options.rowStride.dy": "stride",
  "options.rowStride.dx": "stride",
} as const;

export const CALLS: Readonly<Record<string, Call>> = {
  forward: {
    starts: ({ norm }) => `${norm}.forward`,
    make: forwardArguments,
    run: ({ norm }, { x, options }) => norm.forward<Elements>(x, options),
    text: () => "norm.forward(args.x, args.options)",
    roles: FORWARD_ROLES,
  },
  backward: {
    starts: ({ norm }) => `${norm}.backward`,
    make: backwardArguments,
    run: ({ norm }, { dy, x, stats, options }) => norm.backward<Elements>(dy, x, stats, options),
    text: () => "norm.backward(args.dy, args.x, args.stats, args.options)",
    roles: BACKWARD_ROLES,
  },
  norm: {
    starts: ({ norm }) => norm,
    make: ({ each }) => {
      const { norm, dtype } = each;
      const ada = { scale: 1, k: 0.1, detachScale: true };
      const common = {
        ...shapeOf(each).options,
        dtype,
        eps: 1e-5,
        epsAt: "variance",
        ddof: 0,
        detachMean: false,
        detachStd: true,
      };
      return { options: { ...common, ...(norm === "adaNorm" && ada) } };
    },
    run: ({ kernels, each: { norm }, operands: { x } }, { options }) => {
      const made = makeNorm(kernels, norm, options);
      const { y, mean, rstd } = made.forward(x as Elements);
      return { y, mean, rstd };
    },
    text: ({ norm }) => `kernels.${norm}(args.options)`,
    roles: {
      options: "options",
      "options.size": "integer",
      "options.channels": "integer",
      "options.groups": "integer",
      "options.spatial": "integer",
      "options.dtype": "dtype",
      "options.eps": "number",
      "options.epsAt": "epsAt",
      "options.ddof": "ddof",
      "options.detachMean": "flag",
      "options.detachStd": "flag",
      "options.scale": "scale",
      "options.k": "number",
      "options.detachScale": "flag",
    },
  },
  rows: {
    starts: () => "rows",
    make: ({ each: { size, dtype } }) => ({ size, options: { dtype } }),
    run: ({ kernels, operands: { x } }, { size, options }) => [kernels.rows(size, options).sum(x)],
    text: () => "kernels.rows(args.size, args.options)",
    roles: { size: "integer", options: "options", "options.dtype": "dtype" },
  },
  "rows.l2": rowsCall("rows.l2"),
  "rows.variance": rowsCall("rows.variance"),
  "rows.moments": rowsCall("rows.moments"),
  "rows.int8": rowsCall("rows.int8"),
  "rows.bits": rowsCall("rows.bits"),
  "matrix of zeros": {
    starts: () => "matrix",
    make: ({ each: { rows, size, dtype } }) => ({ rows, cols: size, dtype }),
    run: ({ kernels }, { rows, cols, dtype }) => [kernels.matrix(rows, cols, dtype)],
    text: () => "kernels.matrix(args.rows, args.cols, args.dtype)",
    roles: { rows: "count", cols: "integer", dtype: "dtype" },
  },
  "matrix of a source": {
    starts: () => "matrix",
    make: ({ operands: { x }, each: { size, dtype } }) => {
      return { source: isMatrix(x) ? x.toArray() : x, cols: size, dtype };
    },
    run: ({ kernels }, { source, cols, dtype }) => [kernels.matrix(source, cols, dtype)],
    text: () => "kernels.matrix(args.source, args.cols, args.dtype)",
    roles: { source: "source", cols: "integer", dtype: "dtype" },
  },
  load: {
    starts: () => "loadSync",
    make: () => ({ options: { maximumBytes: 2 ** 20, relaxedSimd: false } }),
    run: ({ operands: { x } }, { options }) => {
      const [contents, kernels] = [contentsOf(x as Elements), loadSync(options)];
      return [kernels.rows(1).sum(new Float32Array(contents.byteLength).fill(3)), kernels.matrix(1, 1).toArray()];
    },
    text: () => "loadSync(args.options)",
    roles: {
      options: "options",
      "options.maximumBytes": "bytes",
      "options.relaxedSimd": "flag",
      "options.module": "module",
    },
  },
};

/** Methods called on an object that they do not belong to. */
const METHODS = ["forward", "backward", "l2", "matrix", "rows", "adaNorm", "toArray", "toFloat32"] as const;

function methodCall(method: (typeof METHODS)[number]): Call {
  return {
    starts: () => "",
    make: (scene) => {
      const { kernels, norm, operands, each } = scene;
      const owners = { forward: norm, backward: norm, l2: kernels.rows(each.size, { dtype: each.dtype }) };
      const own = {
        ...owners,
        matrix: kernels,
        rows: kernels,
        adaNorm: kernels,
        toArray: operands.x,
        toFloat32: operands.x,
      };
      return { self: isMatrix(operands.x) || !method.startsWith("to") ? own[method] : kernels };
    },
    run: (scene, { self }) => {
      const { operands, each, kernels } = scene;
      const honest = (methodCall(method).make(scene) as { self: Arguments }).self[method] ?? kernels.rows;
      const { size, dtype } = each;
      const given = { l2: [operands.x], forward: [operands.x], backward: [operands.dy, operands.x], matrix: [2, 3] };
      const other = { rows: [size], adaNorm: [{ size, dtype }], toArray: [], toFloat32: [] };
      const result = honest.apply(self, { ...given, ...other }[method]);
      return ArrayBuffer.isView(result)
        ? [result]
        : isMatrix(result) || method === "rows" || method === "adaNorm"
          ? []
          : result;
    },
    text: () => `${method}, called on args.self`,
    roles: { self: "self" },
  };
}

for (const method of METHODS) (CALLS as Record<string, Call>)[`method ${method}`] = methodCall(method);

/** The arguments that a call has in a scene. */
export function pathsOf(call: Call, args: Arguments): string[] {
  return Object.keys(call.roles).filter((path) => get(args, path) !== undefined || path === "options.module");
}

export function get(args: Arguments, path: string): unknown {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  return path.split(".").reduce<any>((value, name) => value?.[name], args);
}

/** The arguments with one of them replaced. Objects that contain it are new, everything else is the same. */
export function replaced(args: Arguments, path: string, value: unknown): Arguments {
  const [name, ...rest] = path.split(".") as [string, ...string[]];
  return { ...args, [name]: rest.length === 0 ? value : replaced(args[name] ?? {}, rest.join("."), value) };
}

/** The bytes of all results, in the order of their names; new matrices are freed. */
export function resultBytes(scene: Scene, result: unknown): Buffer {
  const given = new Set<unknown>(Object.values(scene.operands));
  const entries = Object.entries(result as object).sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = entries
    .filter(([, value]) => value !== undefined)
    .map(([, value]: [string, ArrayBufferView | Matrix]) => {
      const { buffer, byteOffset, byteLength } = contentsOf(value);
      const copy = Buffer.from(Buffer.from(buffer, byteOffset, byteLength));
      if (isMatrix(value) && !given.has(value)) value.free();
      return copy;
    });
  return Buffer.concat(bytes);
}
