/** The targets for the speed of adanorm, as data, and whether a run meets them. */
import { ON_24, ON_TWO, SAMPLES, THREADED } from "./cases.ts";
import { median, type Result, ratio, seriesOf } from "./result.ts";

export interface Target {
  text: string;
  /** "at least": so many times faster, or more. "at most": so many times as long, or less; or milliseconds. */
  is: "at least" | "at most";
  bound: number;
  unit: "x" | "ms";
  /** Undefined where it was not measured. */
  figure(result: Result): number | undefined;
}

/** `of` over `to`, both contenders of one case. */
const over = (id: string, of: string, to: string) => (result: Result) =>
  ratio(seriesOf(result, id, of), seriesOf(result, id, to));

const faster = (text: string, bound: number, id: string, than: string, ours: string): Target => ({
  text,
  is: "at least",
  bound,
  unit: "x",
  figure: over(id, than, ours),
});

const within = (text: string, bound: number, id: string, ours: string, to: string): Target => ({
  text,
  is: "at most",
  bound,
  unit: "x",
  figure: over(id, ours, to),
});

const forward = (["32x768", "1024x768"] as const).flatMap((shape) => {
  const id = `forward ${shape}`;
  const kernel = { layerNorm: { "32x768": 2.2, "1024x768": 1.9 }, adaNorm: { "32x768": 2.5, "1024x768": 2.1 } };
  return (["layerNorm", "adaNorm"] as const).flatMap((norm) => {
    const [text, ours] = [`${norm} ${shape}`, `adanorm ${norm}`];
    return [
      faster(`${text}, than onnxruntime-node's kernel`, kernel[norm][shape], id, "onnxruntime-node layerNorm", ours),
      faster(`${text}, than onnxruntime-web's kernel`, 17, id, "onnxruntime-web layerNorm", ours),
      faster(`${text}, than TensorFlow.js (wasm)`, 11, id, `tfjs ${norm}`, ours),
      faster(`${text}, than plain loops`, 15, id, `plain ${norm}`, ours),
    ];
  });
});

/** Times native C's, one thread, compiled for this machine. */
const native = (
  [
    ["layerNorm", "forward 64x64", 2.2],
    ["rmsNorm", "forward 64x64", 2.2],
    ["layerNorm", "forward 32x768", 1.75],
    ["adaNorm", "forward 1024x768", 1.6],
    ["adaNorm dx", "backward 32x768", 1.7],
    ["adaNorm dx", "backward 1024x768", 1.7],
  ] as const
).map(([what, id, bound]) =>
  within(`${what} ${id.split(" ")[1]}, to native C`, bound, id, `adanorm ${what}`, `native ${what}`),
);

const copies = (
  [
    ["layerNorm", 3.8, 3.4],
    ["adaNorm", 3.4, 2.9],
    ["layerNormSimple", 3.4, 2.9],
  ] as const
).flatMap(([norm, node20, node24]) => {
  const id = "engines 32x768";
  return [
    within(`${norm} 32x768, in copies`, node20, id, `adanorm ${norm}`, "copy"),
    within(`${norm} 32x768, in copies, Node 24`, node24, id, `${ON_24.adanorm} ${norm}`, ON_24.copy),
  ];
});

const calls = (["layerNorm", "adaNorm"] as const).flatMap((norm) => {
  const [id, ours] = ["forward 8x64", `adanorm ${norm}`];
  return [
    faster(`${norm} 8x64, a whole call, than onnxruntime-node`, 12, id, "onnxruntime-node layerNorm call", ours),
    faster(`${norm} 8x64, a whole call, than TensorFlow.js (wasm)`, 60, id, `tfjs ${norm}`, ours),
  ];
});

const backward = (["adaNorm", "layerNormSimple"] as const).map((norm) =>
  faster(
    `${norm} 1024x768 dx, than TensorFlow.js's gradient less forward`,
    12,
    "backward 1024x768",
    `tfjs ${norm} dx`,
    `adanorm ${norm} dx`,
  ),
);

const arrays = (
  [
    ["1024x768", 1.6],
    ["8x64", 1.5],
  ] as const
).flatMap(([shape, bound]) =>
  (["layerNorm", "layerNormSimple", "adaNorm"] as const).map((norm) =>
    within(
      `${norm} ${shape}, arrays with \`out\`, to matrices`,
      bound,
      `forward ${shape}`,
      `adanorm ${norm} arrays`,
      `adanorm ${norm}`,
    ),
  ),
);

const inPlace = (["layerNorm", "layerNormSimple", "adaNorm"] as const).map((norm) =>
  within(`${norm} 4096x4096 in place, in copies`, 1.5, "in place 4096x4096", `adanorm ${norm} in place`, "copy"),
);

const odd = (["layerNorm", "layerNormSimple", "adaNorm"] as const).map((norm): Target => {
  const whole = over("odd 512x1023", `adanorm ${norm} 512x1023`, `adanorm ${norm} 512x1024`);
  return {
    text: `${norm} 512x1023, an element, to one of 512x1024`,
    is: "at most",
    bound: 1.12,
    unit: "x",
    figure(result) {
      const figure = whole(result);
      return figure && (figure * 1024) / 1023;
    },
  };
});

const storage = (["layerNorm", "adaNorm"] as const).flatMap((norm) => {
  const id = "storage 1024x768";
  const alone = `adanorm ${norm} f32`;
  return [
    within(`${norm} 1024x768 in f16, to f32`, 3, id, `adanorm ${norm} f16`, alone),
    within(`${norm} 1024x768 in bf16, to f32`, 1.8, id, `adanorm ${norm} bf16`, alone),
    within(`${norm} 1024x768 with a residual, to the norm alone`, 1.5, id, `adanorm ${norm} with a residual`, alone),
    within(
      `${norm} 1024x768 with a residual, the sum in place, to the norm alone`,
      1.5,
      id,
      `adanorm ${norm} with a residual, in place`,
      alone,
    ),
  ];
});

const converting = (["f16", "bf16"] as const).map((dtype) =>
  faster(
    `layerNorm 1024x768 in ${dtype}, than plain loops that convert around f32`,
    5,
    "storage 1024x768",
    `converting layerNorm ${dtype}`,
    `adanorm layerNorm ${dtype}`,
  ),
);

const relaxed = (["layerNorm", "layerNormSimple", "adaNorm"] as const).map((norm) =>
  faster(
    `${norm} 32x768, relaxed SIMD on Node 24, than the portable build`,
    1.1,
    "engines 32x768",
    `${ON_24.adanorm} ${norm}`,
    `${ON_24.relaxed} ${norm}`,
  ),
);

const inTensorFlow = (["128x256", "2048x512"] as const).flatMap((shape) =>
  (["layerNorm", "layerNormSimple", "adaNorm"] as const).map((norm) =>
    faster(
      `${norm} ${shape}, forward and backward in TensorFlow.js (wasm), than its autodiff`,
      8,
      `tfjs ${shape}`,
      `tfjs ${norm}`,
      `adanorm/tfjs ${norm}`,
    ),
  ),
);

const compact = (
  [
    ["int8", 6],
    ["bits", 10],
  ] as const
).map(([what, bound]) =>
  faster(`rows 1024x768 as ${what}, than plain loops`, bound, "rows 1024x768", `plain ${what}`, `adanorm ${what}`),
);

const samples = ["", " dx dGain dBias"].map((gradients) =>
  within(
    `layerNorm${gradients} 1024x768, ${SAMPLES} samples with gains of their own, to one gain`,
    1.1,
    "samples 1024x768",
    `adanorm layerNorm by sample${gradients}`,
    `adanorm layerNorm${gradients}`,
  ),
);

/** ONNX Runtime composes groupNorm of other operators, but has a kernel for instanceNorm, which is as fast as this one. */
const channels = (
  [
    ["groupNorm", "plain loops", "plain", 8],
    ["groupNorm", "onnxruntime-node's kernel", "onnxruntime-node", 2],
    ["instanceNorm", "plain loops", "plain", 8],
  ] as const
).map(([norm, than, peer, bound]) => {
  const id = `${norm} 2x64x32x32`;
  return faster(`${id}, than ${than}`, bound, id, `${peer} ${norm}`, `adanorm ${norm}`);
});

/** Two threads beside one, and beside native C on one. */
const threads = THREADED.flatMap(([rows, size]) => {
  const id = `threads ${rows}x${size}`;
  const bounds: Record<string, number> =
    { 32: { adaNorm: 1.25, "adaNorm dx": 1.25 }, 1024: { adaNorm: 1.5, "adaNorm dx": 1.6 } }[rows] ?? {};
  return ["layerNorm", "adaNorm", "adaNorm dx", "layerNorm dx dGain dBias"].map((what) =>
    faster(
      `${what} ${rows}x${size}, two threads, than one`,
      bounds[what] ?? 0.97,
      id,
      `adanorm ${what}`,
      `${ON_TWO.adanorm} ${what}`,
    ),
  );
});

const threadsToNative = (["adaNorm", "adaNorm dx"] as const).map((what) =>
  within(
    `${what} 1024x768, two threads, to native C on one`,
    1.05,
    "threads 1024x768",
    `${ON_TWO.adanorm} ${what}`,
    `native ${what}`,
  ),
);

const startUp: Target = {
  text: "load() to the first result, fresh process",
  is: "at most",
  bound: 15,
  unit: "ms",
  figure: ({ startUp: { adanorm } }) => adanorm && median(adanorm.first),
};

export const TARGETS: Target[] = [
  ...forward,
  ...native,
  ...copies,
  ...calls,
  ...backward,
  within(
    "layerNorm 1024x768, dx with dGain and dBias, to dx alone with the same gain, kernels alone",
    1.35,
    "backward 1024x768",
    "kernel layerNorm dx dGain dBias",
    "kernel layerNorm dx, with a gain",
  ),
  ...odd,
  ...arrays,
  ...inPlace,
  ...storage,
  ...converting,
  ...relaxed,
  ...inTensorFlow,
  ...compact,
  ...samples,
  ...channels,
  ...threads,
  ...threadsToNative,
  startUp,
];

export function isMet({ is, bound }: Target, figure: number): boolean {
  return is === "at least" ? figure >= bound : figure <= bound;
}
