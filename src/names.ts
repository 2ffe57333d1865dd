/** Checks the names of options. An unknown name throws, and the error suggests the name that was probably meant. */
import { checkObject } from "./checks.js";

/** For each name of this package, the names for the same thing in the paper, PyTorch, Keras or ONNX, in lower case. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  eps: ["epsilon", "variance_epsilon"],
  epsilon: ["eps"],
  scale: ["c"],
  size: ["h", "dim", "hidden", "normalizedshape", "normalized_shape", "cols"],
  channels: ["numchannels", "num_channels", "numfeatures", "num_features", "c"],
  groups: ["numgroups", "num_groups", "g"],
  spatial: ["hw", "length", "size"],
  gain: ["gamma", "weight", "g"],
  bias: ["beta", "b"],
  ddof: ["correction", "unbiased"],
  dtype: ["type", "storage"],
  out: ["output", "result", "y", "dest"],
  dx: ["x", "out"],
  dGain: ["dgamma", "dweight", "gain"],
  dBias: ["dbeta", "bias"],
  dSum: ["dresidual", "residual"],
  rowStride: ["stride", "strides"],
  axes: ["axis", "dim"],
  maximumBytes: ["maxbytes", "maximum"],
};

/** The edit distance of two names: the fewest letters to add, drop or change. */
function distance(from: string, to: string): number {
  let before = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = (before[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      row.push(Math.min(changed, (before[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    before = row;
  }
  return before[to.length] as number;
}

/** The known name that was probably meant, if there is one. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const small = name.toLowerCase();
  const likely = known.find((one) => one.toLowerCase() === small || ALIASES[one]?.includes(small));
  if (likely !== undefined) return likely;
  const ranked = known.map((one) => ({ one, off: distance(small, one.toLowerCase()) })).sort((a, b) => a.off - b.off);
  const [best] = ranked;
  return best && best.off <= Math.min(2, Math.floor(best.one.length / 2)) ? best.one : undefined;
}

/**
 * Throws unless `options` is a plain object in which all names are known.
 *
 * @param none a value that counts as absent, besides undefined.
 */
export function checkOptions(
  call: string,
  argument: string,
  options: unknown,
  known: ReadonlySet<string>,
  none: null | undefined = undefined,
): asserts options is object {
  let isEmpty = true;
  // Names come first, because it takes longer to find out what kind of object this is. If there are names and all are
  // known, the kind does not matter.
  for (const name in options as object) {
    isEmpty = false;
    if (known.has(name)) continue;
    checkObject(call, argument, options);
    const value = (options as Record<string, unknown>)[name];
    if (value !== undefined && value !== none) throw unknown(call, argument, name, known);
  }
  if (isEmpty) checkObject(call, argument, options);
}

function unknown(call: string, argument: string, name: string, known: ReadonlySet<string>): TypeError {
  const names = [...known];
  const likely = nearest(name, names);
  const hint = likely === undefined ? "" : ` (did you mean ${likely}?)`;
  return new TypeError(`${call}: ${argument}: expected only ${names.join(", ")}, got ${JSON.stringify(name)}${hint}`);
}
