/** Arrays and matrices that look valid and are not, or are valid and do not look so. */
import { runInNewContext } from "node:vm";
import { loadSync } from "adanorm";
import { type Any, ARRAYS, type Constructor, type Value, VIEWS, value, without } from "./value.ts";

export const VIEW_VALUES: Value[] = [
  value(ARRAYS, "refused", () => new Float64Array(12)),
  value(["stat"], "refused", () => new Float32Array(3)),
  value(["stat"], "refused", (v) => new Float64Array(v.length + 1)),
  value(without(VIEWS, "source"), "refused", (v) => new v.constructor(v.length + 1), "array"),
  // Gains of other numbers of samples than the others are of, or of parts of channels.
  value(["column"], "refused", (v) => new v.constructor(0), "array"),
  value(["column"], "refused", (v) => new v.constructor(2 * v.length), "array"),
  value(["column"], "refused", (v) => new v.constructor(7 * v.length), "array"),
  value(["column"], "refused", (m, scene) => scene.matrix(m.rows + 1, m.cols, m.dtype), "matrix"),
  value(["column"], "refused", (m, scene) => scene.matrix(m.rows, m.cols + 1, m.dtype), "matrix"),
  value(VIEWS, "refused", (v) => Object.create(v), "array"),
  value(VIEWS, "refused", (v) => ({ ...v, length: v.length, buffer: v.buffer, byteOffset: 0 }), "array"),
  value(
    VIEWS,
    "refused",
    (v) => {
      const array = new v.constructor(v.length);
      structuredClone(array.buffer, { transfer: [array.buffer] });
      return array;
    },
    "array",
  ),
  value(
    VIEWS,
    "refused",
    (v) => {
      const buffer = new (ArrayBuffer as Any)(v.byteLength + 8, { maxByteLength: v.byteLength + 8 });
      const array = new v.constructor(buffer, 8, v.length);
      buffer.resize(4);
      return array;
    },
    "array",
  ),
  value(
    VIEWS,
    "refused",
    (v) => {
      const array = new Int32Array(v.length);
      Object.defineProperty(array, Symbol.toStringTag, { value: v[Symbol.toStringTag] });
      return array;
    },
    "array",
  ),
  value(VIEWS, "honest", (v) => new Proxy(v, {}), "array"),
  value(VIEWS, "honest", (v) => Object.defineProperty(v.subarray(), "length", { value: 1e6 }), "array"),
  value(VIEWS, "honest", (v) => Object.defineProperty(v.subarray(), "length", { value: 0 }), "array"),
  value(
    VIEWS,
    "honest",
    (v) => {
      let times = 0;
      return Object.defineProperty(v.subarray(), "length", { get: () => (times++ === 0 ? v.length : 2 ** 20) });
    },
    "array",
  ),
  value(VIEWS, "honest", (v) => Object.defineProperty(v.subarray(), "byteOffset", { value: 4096 }), "array"),
  value(VIEWS, "honest", (v) => Object.defineProperty(v.subarray(), "byteLength", { value: 1e9 }), "array"),
  value(VIEWS, "honest", (v) => Object.defineProperty(v.subarray(), "buffer", { value: new ArrayBuffer(8) }), "array"),
  value(
    VIEWS,
    "honest",
    (v, { kernels }) => {
      const matrix = kernels.matrix(1, 1);
      const { buffer } = matrix.data;
      matrix.free();
      return Object.defineProperty(v.subarray(), "buffer", { value: buffer });
    },
    "array",
  ),
  value(VIEWS, "honest", (v) => Object.defineProperty(v.subarray(), "constructor", { value: Date }), "array"),
  value(
    VIEWS,
    "honest",
    (v) => Object.assign(v.subarray(), { set() {}, subarray: () => v, slice: () => v, fill() {} }),
    "array",
  ),
  value(
    VIEWS,
    "honest",
    (v) => Object.defineProperty(v.subarray(), Symbol.toStringTag, { value: "Int32Array" }),
    "array",
  ),
  value(VIEWS, "honest", (v) => Object.setPrototypeOf(v.subarray(), null), "array"),
  value(VIEWS, "honest", (v) => Object.setPrototypeOf(v.subarray(), Int32Array.prototype), "array"),
  value(
    VIEWS,
    "honest",
    (v) => {
      class Sub extends (v.constructor as Constructor) {
        static get [Symbol.species]() {
          return Array;
        }
      }
      return new Sub(v.buffer, v.byteOffset, v.length);
    },
    "array",
  ),
  value(
    VIEWS,
    "honest",
    (v) => {
      class Sub extends (v.constructor as Constructor) {
        constructor(buffer: ArrayBuffer, at: number, length: number, allowed?: boolean) {
          if (!allowed) throw new RangeError("no");
          super(buffer, at, length);
        }
      }
      return new Sub(v.buffer, v.byteOffset, v.length, true);
    },
    "array",
  ),
  value(
    VIEWS,
    "honest",
    (v) => runInNewContext(`new ${v[Symbol.toStringTag]}(b, o, n)`, { b: v.buffer, o: v.byteOffset, n: v.length }),
    "array",
  ),
  value(
    VIEWS,
    "honest",
    (v) => {
      const shared = new v.constructor(new SharedArrayBuffer(v.byteLength));
      shared.set(v);
      return shared;
    },
    "array",
  ),
  value(
    VIEWS,
    "honest",
    (v) => {
      // Its length follows that of its buffer.
      const array = new v.constructor(new (ArrayBuffer as Any)(v.byteLength, { maxByteLength: v.byteLength + 8 }));
      array.set(v);
      return array;
    },
    "array",
  ),
  value(["batch", "column"], "refused", (m) => new Proxy(m, {}), "matrix"),
  value(["batch", "column"], "refused", (m) => Object.create(m), "matrix"),
  value(["batch", "column"], "refused", ({ rows, cols, dtype, data }) => ({ rows, cols, dtype, data }), "matrix"),
  // Refused if other batches are matrices.
  value(["batch"], "honest", (m) => m.toArray(), "matrix"),
  value(
    ["batch", "column"],
    "refused",
    (m, { kernels }) => {
      const freed = kernels.matrix(m.rows, m.cols, m.dtype);
      freed.free();
      return freed;
    },
    "matrix",
  ),
  value(["batch", "column"], "refused", (m) => loadSync().matrix(m.rows, m.cols, m.dtype), "matrix"),
  value(
    ["batch", "column"],
    "honest",
    (m) => Object.defineProperty(m, "rows", { value: 1000, configurable: true }),
    "matrix",
  ),
  value(
    ["batch", "column"],
    "honest",
    (m) => Object.defineProperty(m, "dtype", { value: "f16", configurable: true }),
    "matrix",
  ),
  value(
    ["batch", "column"],
    "honest",
    (m) => {
      try {
        m.rows = 1000;
        m.cols = 1000;
      } catch {}
      return m;
    },
    "matrix",
  ),
];
