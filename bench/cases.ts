/** The cases of the benchmark: what is compared with what. */
import type { ForwardJob, Job, NormName, Reduction } from "./job.ts";

export interface Contender {
  /** "onnxruntime-node layerNorm": the peer, then what distinguishes it in this case. */
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

export const SIZES: [rows: number, size: number][] = [
  [8, 64],
  [32, 768],
  [128, 768],
  [1024, 768],
  [512, 1023],
  [512, 1024],
  [4096, 4096],
  [1, 1_000_000],
];
const QUICK = ["8x64", "32x768", "1024x768"];
/** With more elements than this, a call of some peers takes tenths of a second: fewer rounds, fewer norms. */
export const LARGE = 2 ** 22;

export const NORMS: NormName[] = ["layerNorm", "layerNormSimple", "detachNorm", "adaNorm", "rmsNorm"];
export const REDUCTIONS: Reduction[] = ["sum", "moments", "l2", "max"];

/** The peers of process.ts that run on Node 24, and the build with relaxed SIMD there. */
export const ON_24 = { adanorm: "adanorm (Node 24)", relaxed: "adanorm relaxed (Node 24)", copy: "copy (Node 24)" };

const contender = (peer: string, job: Job, what: string): Contender => ({ name: `${peer} ${what}`, peer, job });

const copy = (rows: number, size: number, peer = "copy"): Contender => ({
  name: peer,
  peer,
  job: { kind: "copy", rows, size },
});

/**
 * The forward passes of all peers. "kernel" of ONNX Runtime is the time that each further node adds to a call; "call" is
 * the time from an array to an array.
 */
function forwardCase(rows: number, size: number, ours: NormName[], theirs: NormName[]): Case {
  const nodes = rows * size > LARGE ? 3 : 9;
  const job = (norm: NormName): ForwardJob => ({ kind: "forward", norm, rows, size });
  const contenders = [copy(rows, size), ...ours.map((norm) => contender("adanorm", job(norm), norm))];
  const derived: Derived[] = [];
  for (const norm of theirs) {
    contenders.push(contender("plain", job(norm), norm), contender("tfjs", job(norm), norm));
    contenders.push(contender("tfjs", { ...job(norm), on: "new arrays" }, `${norm} call`));
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

/** dx alone, and with dGain and dBias. TensorFlow.js runs forward too: its time of backward is the difference. */
function backwardCase(rows: number, size: number): Case {
  const contenders = [copy(rows, size)];
  const derived: Derived[] = [];
  const add = (peer: string, norm: NormName, params: boolean) => {
    const what = params ? `${norm} dx dGain dBias` : `${norm} dx`;
    const whole = contender(peer, { kind: "backward", norm, params, rows, size }, what);
    if (peer !== "tfjs") return contenders.push(whole);
    const forward = contender(
      peer,
      { kind: "forward", norm: params ? norm : norm === "layerNorm" ? "layerNormSimple" : norm, rows, size },
      `${norm} forward`,
    );
    whole.name += " with forward";
    derived.push({ name: `${peer} ${what}`, of: whole.name, less: forward.name, by: 1 });
    return contenders.push(forward, whole);
  };
  for (const norm of NORMS) add("adanorm", norm, false);
  for (const norm of ["layerNorm", "rmsNorm"] as const) add("adanorm", norm, true);
  for (const peer of ["plain", "tfjs"]) {
    for (const norm of ["adaNorm", "layerNormSimple"] as const) add(peer, norm, false);
    add(peer, "layerNorm", true);
  }
  return { id: `backward ${rows}x${size}`, rows, size, contenders, derived };
}

function rowsCase(rows: number, size: number): Case {
  const contenders = REDUCTIONS.flatMap((reduction) =>
    ["adanorm", "plain", "tfjs"].map((peer) => contender(peer, { kind: "reduce", reduction, rows, size }, reduction)),
  );
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

/** Where x and y lie. */
function placeCase(id: string, rows: number, size: number, places: Record<string, Partial<ForwardJob>>): Case {
  const contenders = [copy(rows, size)];
  for (const norm of ["layerNorm", "layerNormSimple", "adaNorm"] as const) {
    for (const [what, place] of Object.entries(places)) {
      const job: ForwardJob = { kind: "forward", norm, rows, size, ...place };
      contenders.push(contender("adanorm", job, `${norm} ${what}`));
    }
  }
  return { id: `${id} ${rows}x${size}`, rows, size, contenders, derived: [] };
}

const HOST: Record<string, Partial<ForwardJob>> = {
  matrices: {},
  arrays: { on: "arrays" },
  "new arrays": { on: "new arrays" },
};
const IN_PLACE: Record<string, Partial<ForwardJob>> = { "in place": { inPlace: true }, "out of place": {} };

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

/** A quick run leaves out only the sizes and norms without a target. */
export function allCases(quick: boolean): Case[] {
  const few: NormName[] = ["layerNorm", "adaNorm"];
  const sizes = SIZES.filter(([rows, size]) => !quick || QUICK.includes(`${rows}x${size}`));
  const cases = [
    ...sizes.map(([rows, size]) => {
      const all = !quick && size === 768;
      // In forward, detachNorm is the same as layerNormSimple.
      return forwardCase(rows, size, quick ? few : NORMS, all ? NORMS.filter((norm) => norm !== "detachNorm") : few);
    }),
    backwardCase(1024, 768),
    placeCase("host", 1024, 768, HOST),
    placeCase("in place", 4096, 4096, IN_PLACE),
    storageCase(1024, 768),
    oddCase(),
    engineCase(32, 768),
    tensorFlowCase(128, 256),
    tensorFlowCase(2048, 512),
  ];
  if (quick) return cases;
  return [
    ...cases,
    backwardCase(8, 64),
    backwardCase(32, 768),
    rowsCase(32, 768),
    rowsCase(1024, 768),
    placeCase("host", 32, 768, HOST),
    placeCase("in place", 1024, 768, IN_PLACE),
  ];
}
