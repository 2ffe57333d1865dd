/**
 * What an argument may become. Each is a function of the honest argument, so that a program can contain its source.
 * Everything else that it needs is in `scene`.
 */
import { ALL, type Any, type Fate, OBJECTS, Own, type Value, value, without } from "./value.ts";
import { VIEW_VALUES } from "./views.ts";

/** Wrong for every argument. */
const WRONG: Value[] = [
  () => null,
  () => Number.NaN,
  () => -1,
  () => -(2 ** 31),
  () => Number.NEGATIVE_INFINITY,
  () => Number.POSITIVE_INFINITY,
  () => 10n,
  () => Symbol("s"),
  () => "4",
  () => "",
  () => [],
  () => [1, 2, 3, 4],
  () => () => {},
  () => new Map(),
  () => new Set([1]),
  () => new Date(0),
  () => new ArrayBuffer(16),
  () => new DataView(new ArrayBuffer(16)),
  () => new Int32Array(12),
  () => new Uint8Array(12),
  () => new BigInt64Array(4),
  () => Object(4),
  () => Object("f32"),
].map((make) => value(ALL, "refused", make));

/** Objects that are valid as empty options only. */
const ODD: Value[] = [
  () => ({}),
  () => /x/,
  () => new Error("x"),
  () => Promise.resolve(),
  () => ({ valueOf: () => 4 }),
  () => ({ shape: [3, 4], dtype: "float32", dataId: {}, dataSync: () => new Float32Array(12) }),
].map((make) => value(without(ALL, ...OBJECTS), "refused", make));

const NUMERIC: Value[] = [
  value(["integer", "count", "stride", "ddof"], "refused", () => 0.5),
  value(["ddof"], "refused", () => 2),
  value(["integer", "stride"], "refused", () => 0),
  value(["integer", "count", "stride", "strides", "ddof"], "refused", () => 1e308),
  value(["scale"], "refused", () => 0),
  value(["scale"], "refused", () => -0),
  value(["integer", "stride", "strides"], "refused", () => -0),
  value(["bytes"], "refused", () => 65535),
  value(["number", "count", "ddof"], "itself", () => -0),
  value(["number", "scale"], "itself", () => 1e308),
  value(["number", "scale"], "itself", () => 5e-324),
  value(["integer", "count", "stride", "strides", "bytes"], "itself", () => 2 ** 32),
  value(["integer", "count"], "itself", () => Number.MAX_SAFE_INTEGER),
  value(["flag", "epsAt", "dtype"], "refused", () => 0),
  value(["number", "scale", "integer", "count", "stride", "strides", "ddof"], "refused", () => true),
  value(["epsAt", "dtype"], "refused", () => "F32"),
  value(["flag"], "refused", () => "true"),
];

/** Options that are honest ones in another form, or are invalid. */
const OPTION_VALUES: Value[] = [
  value(OBJECTS, "honest", (v) => new Proxy(v, {})),
  value(OBJECTS, "honest", (v) => Object.create(v)),
  value(OBJECTS, "honest", (v) => Object.assign(Object.create(null), v)),
  value(OBJECTS, "honest", (v) => Object.freeze({ ...v, [Symbol("s")]: 1 })),
  value(["open options"], "refused", () => ({})),
  value(["options"], "itself", () => ({})),
  value(["open options"], "honest", (v) => ({ ...v, y: 1 })),
  value(["options", "strides"], "refused", (v) => ({ ...v, epsilon: 1 })),
  value(["options", "strides"], "refused", (v) => ({ ...v, outt: 1 })),
  value(["options", "strides"], "refused", (v) => Object.create({ ...v, sise: 1 })),
  value(OBJECTS, "honest", (v) => Object.assign([], v)),
  value(OBJECTS, "honest", (v) => Object.assign(new Map(), v)),
  value(OBJECTS, "honest", (v) => Object.assign(new Date(0), v)),
  value(OBJECTS, "honest", (v) => Object.assign(() => {}, v)),
  value(OBJECTS, "honest", (v) => Object.assign(new Float32Array(1), v)),
  value(OBJECTS, "honest", (v) => Object.assign(new ArrayBuffer(1), v)),
  value(OBJECTS, "honest", (v) => {
    const seen = new Set();
    // Honest when it is read first, and something else when it is read again.
    return new Proxy(v, {
      get: (of, name) => {
        if (seen.has(name)) return 1e9;
        seen.add(name);
        return of[name];
      },
    });
  }),
];

/** The object that a method is called on. */
const SELVES: Value[] = [
  () => undefined,
  () => null,
  () => ({}),
  () => 4,
  (v: Any) => Object.create(v),
  (v: Any) => new Proxy(v, {}),
  () => new Float32Array(4),
].map((make) => value(["self"], "honest", make));

/** Options, one of which does something when it is read. `act` says what. */
function acting(fate: Fate, act: (scene: Any) => void, kind?: Value["kind"]): Value {
  const make: Value["make"] = (v, scene) => {
    const names = Object.keys(v);
    const name = names[scene.turn % names.length] as string;
    const kept = v[name];
    return Object.defineProperty({ ...v }, name, {
      enumerable: true,
      get: () => {
        try {
          act(scene);
        } catch (error) {
          throw new Own(`${error}`);
        }
        return kept;
      },
    });
  };
  return { name: `a getter that does ${act}`, roles: OBJECTS, fate, make, kind };
}

const ACTING: Value[] = [
  acting("honest", () => {
    throw new Error("own");
  }),
  acting("spoilt", ({ operands }) => operands.x.free(), "matrix"),
  acting("spoilt", ({ operands }) => operands.out.free(), "matrix"),
  acting("spoilt", ({ operands }) => operands.gain.free(), "matrix"),
  acting("spoilt", ({ operands: { x } }) => structuredClone(x.buffer, { transfer: [x.buffer] }), "array"),
  acting("spoilt", ({ operands: { dx } }) => structuredClone(dx.buffer, { transfer: [dx.buffer] }), "array"),
  acting("spoilt", ({ stats: { mean } }) => structuredClone(mean.buffer, { transfer: [mean.buffer] })),
  acting("spoilt", ({ operands: { x } }) => x.buffer.resize?.(4), "array"),
  acting("spoilt", ({ operands: { out } }) => out.buffer.resize?.(0), "array"),
  { ...acting("honest", ({ grow }) => grow()), grows: true },
  acting("honest", ({ kernels }) => kernels.layerNorm({ size: 3 }).forward(new Float32Array(300))),
];

export const VALUES: readonly Value[] = [
  ...WRONG,
  ...ODD,
  ...NUMERIC,
  ...VIEW_VALUES,
  ...OPTION_VALUES,
  ...SELVES,
  ...ACTING,
];
