/** What is measured beside what. */
import type { ChannelsJob, Compaction, ForwardJob, Job, NormName, Place, Reduction } from "./job.ts";

export interface Contender {
  /** "onnxruntime-node layerNorm": the peer, then what sets it apart in this case. */
  name: string;
  peer: string;
  job: Job;
}

/** A difference of two series, `of - less`, divided by `by`. */
export interface Derived {
  name: string;
  of: string;
  less: string;
  by: number;
}

export interface Case {
  id: string;
  rows: number;
  size: number;
  contenders: Contender[];
  derived: Derived[];
}

/** Those of a quick run are what users meet most: a row, a token, heads, short batches, whole sequences. */
const QUICK: [rows: number, size: number][] = [
  [1, 64],
  [8, 64],
  [12, 64],
  [64, 64],
  [1, 768],
  [32, 768],
  [1024, 768],
  [8192, 768],
];
export const SIZES: [rows: number, size: number][] = [
  ...QUICK,
  [128, 768],
  [512, 1023],
  [512, 1024],
  [4096, 4096],
  [1, 1_000_000],
];
/** With more elements than this, a call takes tenths of a second with some: fewer rounds, fewer norms. */
export const LARGE = 2 ** 22;

/** Where batches lie beside matrices, which need no word for it. */
const PLACES: Place[] = ["prepared", "arrays", "new arrays"];
/** layerNormSimple does the least beside copying. */
const FORWARD_PLACES: Partial<Record<NormName, Place[]>> = {
  layerNorm: PLACES,
  adaNorm: PLACES,
  layerNormSimple: ["arrays"],
};

/** The norms of native/norms.c, in vectors as wide as the machine has them and, native128, as wide as WebAssembly's. */
const NATIVE: NormName[] = ["layerNorm", "adaNorm", "rmsNorm"];

/** The batches that show from when on the package pays: rows and sizes that are tried, up to so many elements a batch. */
export const PAYS = { sizes: [16, 64, 256, 768], rows: [1, 2, 4, 8, 16, 32, 64, 128], elements: 2048 };

export const NORMS: NormName[] = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm"];
export const REDUCTIONS: Reduction[] = ["sum", "moments", "l2", "max"];
export const COMPACTIONS: Compaction[] = ["int8", "bits"];

/** Those of process.ts that run on Node 24, and the build with relaxed SIMD there. */
export const ON_24 = { adanorm: "adanorm (Node 24)", relaxed: "adanorm relaxed (Node 24)", copy: "copy (Node 24)" };

/** The same on matrices that two threads share; and how much two threads that share nothing do here in the time of one. */
export const ON_TWO = { adanorm: "adanorm (2 threads)", apart: "two apart" };
export const THREADED: [rows: number, size: number][] = [
  [8, 64],
  [1, 768],
  [8, 768],
  [32, 768],
  [128, 768],
  [1024, 768],
  [4096, 768],
];

/** Samples that have gains of their own. */
export const SAMPLES = 8;

/** Samples, channels, height and width, and the groups of channels. */
type ImageShape = [samples: number, channels: number, height: number, width: number];
const IMAGES: ImageShape = [2, 64, 32, 32];
const GROUPS = 32;

const contender = (peer: string, job: Job, what: string): Contender => ({ name: `${peer} ${what}`, peer, job });

const copy = (rows: number, size: number, peer = "copy"): Contender => ({
  name: peer,
  peer,
  job: { kind: "copy", rows, size },
});

/**
 * The forward passes of all peers. A kernel of ONNX Runtime is what each further node adds to a call; a call is what takes
 * an array and gives one.
 */
function forwardCase(rows: number, size: number, ours: NormName[], theirs: NormName[]): Case {
  const nodes = rows * size > LARGE ? 3 : 9;
  const job = (norm: NormName): ForwardJob => ({ kind: "forward", norm, rows, size });
  const contenders = [copy(rows, size)];
  for (const norm of ours) {
    contenders.push(contender("adanorm", job(norm), norm));
    for (const on of FORWARD_PLACES[norm] ?? [])
      contenders.push(contender("adanorm", { ...job(norm), on }, `${norm} ${on}`));
  }
  for (const peer of ["native", "native128"]) {
    for (const norm of NATIVE) contenders.push(contender(peer, job(norm), norm));
  }
  const derived: Derived[] = [];
  for (const norm of theirs) {
    contenders.push(contender("plain", job(norm), norm), contender("tuned", job(norm), norm));
    for (const peer of ["tfjs", "jax-js"]) {
      contenders.push(contender(peer, job(norm), norm));
      contenders.push(contender(peer, { ...job(norm), on: "new arrays" }, `${norm} call`));
    }
    if (norm !== "layerNorm" && norm !== "rmsNorm") continue;
    for (const peer of ["onnxruntime-node", "onnxruntime-web"]) {
      const one = contender(peer, job(norm), `${norm} call`);
      const several = contender(peer, { ...job(norm), nodes }, `${norm} x${nodes}`);
      contenders.push(one, several);
      derived.push({ name: `${peer} ${norm}`, of: several.name, less: one.name, by: nodes - 1 });
    }
  }
  return { id: `forward ${rows}x${size}`, rows, size, contenders, derived };
}

/** dx alone, and with dGain and dBias. TensorFlow.js runs forward on the way: its backward is what is left without that. */
function backwardCase(rows: number, size: number): Case {
  const contenders = [copy(rows, size)];
  const derived: Derived[] = [];
  const add = (peer: string, norm: NormName, params: boolean, places: Place[] = []) => {
    const what = params ? `${norm} dx dGain dBias` : `${norm} dx`;
    const job = { kind: "backward", norm, params, rows, size } as const;
    contenders.push(contender(peer, job, what));
    for (const on of places) contenders.push(contender(peer, { ...job, on }, `${what} ${on}`));
  };
  for (const norm of NORMS) add("adanorm", norm, false, norm === "adaNorm" ? PLACES : []);
  add("adanorm", "layerNorm", true, PLACES);
  add("adanorm", "rmsNorm", true);
  const held = { kind: "backward", norm: "layerNorm", params: true, sums: false, rows, size } as const;
  add("kernel", "layerNorm", true);
  contenders.push(contender("kernel", held, "layerNorm dx, with a gain"));
  for (const peer of ["native", "native128", "plain", "tuned"]) {
    for (const norm of ["adaNorm", "layerNormSimple"] as const) add(peer, norm, false);
    add(peer, "layerNorm", true);
  }
  for (const norm of ["adaNorm", "layerNormSimple", "layerNorm"] as const) {
    const params = norm === "layerNorm";
    const what = params ? `${norm} dx dGain dBias` : `${norm} dx`;
    const forward = contender("tfjs", { kind: "forward", norm, rows, size }, `${norm} forward`);
    const whole = contender("tfjs", { kind: "backward", norm, params, rows, size }, `${what} with forward`);
    contenders.push(forward, whole);
    derived.push({ name: `tfjs ${what}`, of: whole.name, less: forward.name, by: 1 });
  }
  add("jax-js", "adaNorm", false);
  add("jax-js", "layerNorm", true);
  return { id: `backward ${rows}x${size}`, rows, size, contenders, derived };
}

/** The package beside plain loops, on batches as small as they come. */
function paysCase(rows: number, size: number): Case {
  const job: ForwardJob = { kind: "forward", norm: "layerNorm", rows, size };
  const contenders = [
    contender("adanorm", { ...job, on: "arrays" }, "layerNorm arrays"),
    contender("adanorm", { ...job, on: "prepared" }, "layerNorm prepared"),
    contender("plain", job, "layerNorm"),
    contender("tuned", job, "layerNorm"),
  ];
  return { id: `pays ${rows}x${size}`, rows, size, contenders, derived: [] };
}

function rowsCase(rows: number, size: number): Case {
  const contenders = REDUCTIONS.flatMap((reduction) =>
    ["adanorm", "plain", "tfjs"].map((peer) => contender(peer, { kind: "reduce", reduction, rows, size }, reduction)),
  );
  // TensorFlow.js has neither.
  for (const reduction of COMPACTIONS) {
    for (const peer of ["adanorm", "plain"]) {
      contenders.push(contender(peer, { kind: "reduce", reduction, rows, size }, reduction));
    }
  }
  contenders.push(copy(rows, size));
  return { id: `rows ${rows}x${size}`, rows, size, contenders, derived: [] };
}

/** Training steps inside TensorFlow.js: forward and backward, by automatic differentiation and by adanorm/tfjs. */
function tensorFlowCase(rows: number, size: number): Case {
  const contenders = (["layerNormSimple", "adaNorm", "layerNorm"] as const).flatMap((norm) =>
    ["tfjs", "adanorm/tfjs"].map((peer) =>
      contender(peer, { kind: "backward", norm, params: norm === "layerNorm", rows, size }, norm),
    ),
  );
  return { id: `tfjs ${rows}x${size}`, rows, size, contenders: [copy(rows, size), ...contenders], derived: [] };
}

/** What it is worth to write y where x is. */
function inPlaceCase(rows: number, size: number): Case {
  const contenders = [copy(rows, size)];
  for (const norm of ["layerNorm", "layerNormSimple", "adaNorm"] as const) {
    for (const [what, inPlace] of [
      ["in place", true],
      ["out of place", false],
    ] as const) {
      const job: ForwardJob = { kind: "forward", norm, rows, size, inPlace };
      contenders.push(contender("adanorm", job, `${norm} ${what}`));
    }
  }
  return { id: `in place ${rows}x${size}`, rows, size, contenders, derived: [] };
}

/** 16-bit storage beside f32, and beside plain loops that convert; and what a residual costs. */
function storageCase(rows: number, size: number): Case {
  const contenders = [copy(rows, size)];
  const add = (peer: string, norm: NormName, what: string, more: Partial<ForwardJob>) =>
    contenders.push(contender(peer, { kind: "forward", norm, rows, size, ...more }, `${norm} ${what}`));
  for (const norm of ["layerNorm", "adaNorm"] as const) {
    add("adanorm", norm, "f32", {});
    for (const dtype of ["f16", "bf16"] as const) add("adanorm", norm, dtype, { dtype });
    add("adanorm", norm, "with a residual", { residual: "own sum" });
    add("adanorm", norm, "with a residual, in place", { residual: "sum in place" });
  }
  for (const dtype of ["f16", "bf16"] as const) add("converting", "layerNorm", dtype, { dtype });
  return { id: `storage ${rows}x${size}`, rows, size, contenders, derived: [] };
}

/** Rows that are no multiple of a vector beside rows that are. */
function oddCase(): Case {
  const contenders = (["layerNorm", "layerNormSimple", "adaNorm"] as const).flatMap((norm) =>
    [1023, 1024].map((size) =>
      contender("adanorm", { kind: "forward", norm, rows: 512, size } as const, `${norm} 512x${size}`),
    ),
  );
  return { id: "odd 512x1023", rows: 512, size: 1023, contenders, derived: [] };
}

/** A gain and a bias for each of several samples, beside one for all rows. */
function samplesCase(rows: number, size: number): Case {
  const contenders = [copy(rows, size)];
  for (const gains of [undefined, SAMPLES * size]) {
    const what = gains ? "layerNorm by sample" : "layerNorm";
    const job = { norm: "layerNorm", rows, size, ...(gains && { gains }) } as const;
    contenders.push(contender("adanorm", { kind: "forward", ...job }, what));
    contenders.push(contender("adanorm", { kind: "backward", params: true, ...job }, `${what} dx dGain dBias`));
  }
  return { id: `samples ${rows}x${size}`, rows, size, contenders, derived: [] };
}

/** Images with their channels first, in groups, or each channel a group of its own. */
function channelsCase(norm: ChannelsJob["norm"], [samples, channels, ...spatial]: ImageShape, inGroups: number): Case {
  const groups = norm === "groupNorm" ? inGroups : channels;
  const rows = samples * groups;
  const size = (channels / groups) * spatial[0] * spatial[1];
  const job: ChannelsJob = { kind: "channels", norm, rows, size, channels, groups, spatial, gains: channels };
  const contenders = [copy(rows, size), contender("adanorm", job, norm), contender("plain", job, norm)];
  const [peer, nodes] = ["onnxruntime-node", 9];
  const one = contender(peer, job, `${norm} call`);
  const several = contender(peer, { ...job, nodes }, `${norm} x${nodes}`);
  return {
    id: `${norm} ${[samples, channels, ...spatial].join("x")}`,
    rows,
    size,
    contenders: [...contenders, one, several],
    derived: [{ name: `${peer} ${norm}`, of: several.name, less: one.name, by: nodes - 1 }],
  };
}

/** Both engines and both builds. */
function engineCase(rows: number, size: number): Case {
  const contenders = [copy(rows, size), copy(rows, size, ON_24.copy)];
  for (const norm of NORMS) {
    for (const peer of ["adanorm", ON_24.adanorm, ON_24.relaxed]) {
      contenders.push(contender(peer, { kind: "forward", norm, rows, size }, norm));
    }
  }
  return { id: `engines ${rows}x${size}`, rows, size, contenders, derived: [] };
}

/** Two threads beside one, and beside native C on one. */
function threadsCase(rows: number, size: number): Case {
  const jobs: [job: Job, what: string][] = [
    ...(["layerNorm", "adaNorm"] as const).map((norm): [Job, string] => [{ kind: "forward", norm, rows, size }, norm]),
    [{ kind: "backward", norm: "adaNorm", params: false, rows, size }, "adaNorm dx"],
    [{ kind: "backward", norm: "layerNorm", params: true, rows, size }, "layerNorm dx dGain dBias"],
  ];
  const peers = ["adanorm", ON_TWO.adanorm, "native"];
  const contenders = jobs.flatMap(([job, what]) => peers.map((peer) => contender(peer, job, what)));
  contenders.push(contender(ON_TWO.apart, { kind: "forward", norm: "adaNorm", rows, size }, "adaNorm"));
  return { id: `threads ${rows}x${size}`, rows, size, contenders, derived: [] };
}

/** A quick run leaves out no target, but the sizes and norms that have none. */
export function allCases(quick: boolean): Case[] {
  const few: NormName[] = ["layerNorm", "adaNorm"];
  // Forward, detachNorm is layerNormSimple.
  const forward = NORMS.filter((norm) => norm !== "detachNorm");
  const cases = [
    ...(quick ? QUICK : SIZES).map(([rows, size]) => {
      const all = !quick && size === 768 && rows > 1 && rows <= 1024;
      return forwardCase(rows, size, forward, all ? forward : few);
    }),
    ...PAYS.sizes.flatMap((size) =>
      PAYS.rows.filter((rows) => rows * size <= PAYS.elements).map((rows) => paysCase(rows, size)),
    ),
    backwardCase(32, 768),
    backwardCase(1024, 768),
    inPlaceCase(4096, 4096),
    storageCase(1024, 768),
    oddCase(),
    engineCase(32, 768),
    tensorFlowCase(128, 256),
    tensorFlowCase(2048, 512),
    rowsCase(1024, 768),
    samplesCase(1024, 768),
    channelsCase("groupNorm", IMAGES, GROUPS),
    channelsCase("instanceNorm", IMAGES, GROUPS),
    ...THREADED.map(([rows, size]) => threadsCase(rows, size)),
  ];
  if (quick) return cases;
  return [...cases, backwardCase(8, 64), rowsCase(32, 768), inPlaceCase(1024, 768)];
}
