/** What a run found, in words: every figure, the targets, and the tables of the README. */

import { readFileSync, writeFileSync } from "node:fs";
import { markdownTable, replacePart } from "../scripts/markdown.ts";
import { ON_24, ON_TWO, PAYS, SIZES, THREADED } from "./cases.ts";
import { type Pays, paysFrom } from "./pays.ts";
import { type CaseResult, median, quantile, type Result, ratio, seriesOf } from "./result.ts";
import { isMet, TARGETS } from "./targets.ts";
import { MEANS } from "./traits.ts";

/** Three significant digits, and no exponent. */
const digits = (value: number) =>
  value >= 100 || value <= -100 ? value.toFixed(0) : value.toPrecision(3).replace(/e.*/, "");

/** A time in the unit that suits it. */
function duration(ns: number): string {
  if (ns < 0) return `-${duration(-ns)}`;
  if (ns >= 1e6) return `${digits(ns / 1e6)} ms`;
  return ns >= 1e3 ? `${digits(ns / 1e3)} us` : `${digits(ns)} ns`;
}

const times = (value: number | undefined) => (value === undefined ? "-" : `${digits(value)}x`);

function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: string[]) =>
    row.map((cell, i) => (i ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number))).join("  ");
  return rows.map(line).join("\n");
}

/** Every contender of a case: a call, the spread of the rounds, an element, in copies, and against adanorm's own. */
export function caseTable({ id, rows, size, series, notes }: CaseResult): string {
  const lines = [[id, "a call", "quartiles", "ns/element", "in copies", "to adanorm"]];
  for (const [name, ns] of Object.entries(series)) {
    const what = name.slice(name.indexOf(" ") + 1).replace(/ (call|x\d+|with forward|prepared|(new )?arrays)$/, "");
    const isOurs = name === `adanorm ${what}` || what.endsWith("forward");
    const ours = isOurs ? undefined : series[`adanorm ${what}`];
    lines.push([
      name,
      duration(median(ns)),
      `${duration(quantile(ns, 0.25))} - ${duration(quantile(ns, 0.75))}`,
      digits(median(ns) / (rows * size)),
      times(ratio(ns, series[name.includes(ON_24.copy.slice(5)) ? ON_24.copy : "copy"])),
      times(ratio(ns, ours)),
    ]);
  }
  return [table(lines), ...notes.map((note) => `! ${note}`)].join("\n");
}

export function startUpTable({ startUp }: Result): string {
  const lines = [["start-up, fresh process", "import", "to first result"]];
  for (const [name, { import: imported, first }] of Object.entries(startUp)) {
    lines.push([name, duration(median(imported) * 1e6), duration(median(first) * 1e6)]);
  }
  return table(lines);
}

const kilobytes = (bytes: number) => `${Math.ceil(bytes / 1024).toLocaleString("en")} KB`;

/** One digit, and a power of ten if that is shorter. */
const scientific = (value: number) => (value >= 0.01 ? value.toPrecision(1) : value.toExponential(0));

export function traitsTable({ traits }: Result): string {
  const lines = [["what a page loads, and errors", "gzipped", ...MEANS.map((mean) => `mean ${mean}`)]];
  for (const [name, { bytes, errors }] of Object.entries(traits)) {
    lines.push([name, bytes ? kilobytes(bytes) : "-", ...MEANS.map((mean) => scientific(errors[mean] as number))]);
  }
  return table(lines);
}

/** The targets; how many were measured and missed. */
export function targetTable(result: Result): { text: string; missed: number } {
  let missed = 0;
  let unmeasured = 0;
  const lines = [["target", "", "", "measured", ""]];
  for (const target of TARGETS) {
    const figure = target.figure(result);
    if (figure === undefined) {
      unmeasured += 1;
      continue;
    }
    const met = isMet(target, figure);
    if (!met) missed += 1;
    lines.push([
      target.text,
      target.is,
      `${target.bound}${target.unit}`,
      `${digits(figure)}${target.unit}`,
      met ? "met" : "NOT MET",
    ]);
  }
  const rest = unmeasured ? `\n${unmeasured} of ${TARGETS.length} not measured` : "";
  return { text: `${table(lines)}${rest}`, missed };
}

/** @param names of whose versions are told. Default: of all. */
export function about(result: Result, names = Object.keys(result.versions)): string {
  const versions = names.flatMap((name) => (result.versions[name] ? [`${name} ${result.versions[name]}`] : []));
  const engines = `Node ${result.node}${result.node24 ? ` (and ${result.node24} where it says so)` : ""}`;
  return `${result.machine}; ${engines}; ${versions.join(", ")}; ${result.date}`;
}

/** Rows of each size of PAYS, in figures: infinite where it takes more than were tried. */
const rowsTried = (rows: number[]) =>
  PAYS.sizes.map((size, i) => amount(rows[i] as number, Math.floor(PAYS.elements / size)));

function amount(value: number, tried: number): string {
  if (Number.isNaN(value)) return "-";
  return value === Number.POSITIVE_INFINITY ? `over ${tried}` : `${value}`;
}

/** From how many rows on it pays to use the package; nothing where that was not measured. */
export function paysTable(result: Result): string {
  const found = paysFrom(result);
  if (found.length === 0) return "";
  const head = ["the package is faster from so many rows on", ...PAYS.sizes.map((size) => `of ${size}`), "elements"];
  const lines = found.map(({ ours, theirs, rows, elements }) => [
    `${ours}, beside ${theirs}`,
    ...rowsTried(rows),
    amount(elements, PAYS.elements),
  ]);
  return `${table([head, ...lines])}\n\n`;
}

const list = (words: string[]) => `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

/** The same as a sentence. */
function paysLine(found: Pays[]): string {
  const parts = found.map(({ ours, theirs, rows }) => `${ours} beside ${theirs} ${list(rowsTried(rows))}`);
  const sizes = list(PAYS.sizes.map(String));
  return `The package is faster from so many rows of ${sizes} elements on (layerNorm): ${parts.join("; ")}.`;
}

/** The columns of the first table of docs/benchmarks.md: how long a call takes, by whom. */
const CALLS: [title: string, series: (what: string) => string][] = [
  ["matrices", (what) => `adanorm ${what}`],
  ["prepared", (what) => `adanorm ${what} prepared`],
  ["arrays", (what) => `adanorm ${what} arrays`],
  ["new arrays", (what) => `adanorm ${what} new arrays`],
  ["native C", (what) => `native ${what}`],
  ["plain loops", (what) => `plain ${what}`],
  ["plain loops, tuned", (what) => `tuned ${what}`],
];

/** Those of the second: how many times as long as on matrices the others take. */
const OTHERS: [title: string, series: (what: string) => string][] = [
  // ONNX has no adaNorm: its layerNorm is what there is to compare with.
  ["onnxruntime-node, kernel", (what) => `onnxruntime-node ${what.replace("adaNorm", "layerNorm")}`],
  ["onnxruntime-node, call", (what) => `onnxruntime-node ${what.replace("adaNorm", "layerNorm")} call`],
  ["onnxruntime-web, kernel", (what) => `onnxruntime-web ${what.replace("adaNorm", "layerNorm")}`],
  ["TensorFlow.js, wasm", (what) => `tfjs ${what}`],
  ["jax-js, wasm", (what) => `jax-js ${what}`],
];

/** The lines of both: a case, what of it, and how that is called. */
const LINES: [id: string, what: string, title: string][] = [
  ...["layerNorm", "adaNorm"].flatMap((norm) =>
    SIZES.map(([rows, size]): [string, string, string] => [
      `forward ${rows}x${size}`,
      norm,
      `${norm}, ${rows} x ${size}`,
    ]),
  ),
  ["backward 32x768", "adaNorm dx", "adaNorm, 32 x 768, backward"],
  ["backward 1024x768", "adaNorm dx", "adaNorm, 1024 x 768, backward"],
  ["backward 32x768", "layerNorm dx dGain dBias", "layerNorm, 32 x 768, backward with dGain and dBias"],
  ["backward 1024x768", "layerNorm dx dGain dBias", "layerNorm, 1024 x 768, backward with dGain and dBias"],
];

const MEANINGS = `The time of a call: on *matrices*, in the memory of the kernels; on the same, *prepared*; on *arrays* with \`out\`; on arrays
without \`out\`, which makes *new arrays*. *Native C* ([bench/native](../bench/native)) is the yardstick: compiled for this machine alone, and
without care for hard rows. *Plain loops* are JavaScript as one writes it; *tuned* loops are for V8: several sums at a time, no objects.`;

/** The tables of docs/benchmarks.md. */
function markdown(result: Result): string {
  const lines = LINES.flatMap(([id, what, title]) => {
    const of = (name: string) => seriesOf(result, id, name);
    const ours = of(`adanorm ${what}`);
    if (!ours) return [];
    const calls = CALLS.map(([, series]) => of(series(what))).map((ns) => (ns ? duration(median(ns)) : "-"));
    const others = ["copy", ...OTHERS.map(([, series]) => series(what))].map((name) => of(name));
    const [copies, ...rest] = others;
    return [{ title, calls, others: [times(ratio(ours, copies)), ...rest.map((ns) => times(ratio(ns, ours)))] }];
  });
  const start = Object.entries(result.startUp).map(([name, { first }]) => `${name} ${duration(median(first) * 1e6)}`);
  const pays = paysFrom(result);
  const isFigure = (column: number) => column > 0;
  return [
    markdownTable(
      ["norm, rows x size", ...CALLS.map(([title]) => title)],
      lines.map(({ title, calls }) => [title, ...calls]),
      isFigure,
    ),
    "",
    MEANINGS,
    ...(pays.length > 0 ? ["", paysLine(pays)] : []),
    "",
    markdownTable(
      ["norm, rows x size", "in `memory.copy`s", ...OTHERS.map(([title]) => title)],
      lines.map(({ title, others }) => [title, ...others]),
      isFigure,
    ),
    "",
    `How many copies of x a call on matrices takes, and how many times as long the others take for the same rows. Both tables:`,
    `medians of ${result.rounds} interleaved rounds, one thread each.`,
    "A kernel of ONNX Runtime is what one node more in a graph costs, without the call around it; for adaNorm, which ONNX has",
    "not, it is that of layerNorm. The backward of TensorFlow.js is without the forward pass that it runs on the way.",
    ...(start.length ? [`From the imported package to the first result in a fresh process: ${start.join(", ")}.`] : []),
    "",
    `Measured on ${about(result)}.`,
  ].join("\n");
}

/**
 * The columns of the README's table: a package, and what it has, of which no figure tells. ONNX has LayerNormalization,
 * RMSNormalization, GroupNormalization, InstanceNormalization and LpNormalization.
 */
const BESIDE: [title: string, name: string, call: string, what: Record<string, string>][] = [
  ["adanorm", "adanorm", "new arrays", { norms: "eight, one call each", gradients: "one call each", threads: "yes" }],
  ["onnxruntime-web", "onnxruntime-web", "call", { norms: "five, one operator each", gradients: "no", threads: "yes" }],
  ["TensorFlow.js, wasm", "tfjs", "call", { norms: "a LayerNorm layer", gradients: "automatic", threads: "yes" }],
  ["jax-js, wasm", "jax-js", "call", { norms: "made of operators", gradients: "automatic", threads: "in browsers" }],
  ["loops", "plain", "", { norms: "yours", gradients: "yours", threads: "no" }],
];

/** The same for each: layerNorm of 1024 rows, with gain and bias. */
const BESIDE_CASES = { forward: "forward 1024x768", backward: "backward 1024x768" };

/** The README's table: the package beside others. */
function besideMarkdown(result: Result): string {
  const of = (id: string, name: string) => {
    const ns = seriesOf(result, id, name);
    return ns ? duration(median(ns)) : "-";
  };
  const { forward, backward } = BESIDE_CASES;
  const error = (name: string, mean: number) => {
    const value = result.traits[name]?.errors[mean];
    return value === undefined ? "-" : scientific(value);
  };
  const loaded = (name: string) => {
    const traits = result.traits[name];
    if (!traits) return "-";
    return traits.bytes ? kilobytes(traits.bytes) : "nothing";
  };
  const line = (title: string, cell: (column: (typeof BESIDE)[number]) => string) => [title, ...BESIDE.map(cell)];
  const lines = [
    line("norms", ([, , , { norms }]) => norms as string),
    line("gradients", ([, , , { gradients }]) => gradients as string),
    line("threads", ([, , , { threads }]) => threads as string),
    line("a page loads, gzipped", ([, name]) => loaded(name)),
    line("forward, in its own memory", ([, name]) => of(forward, `${name} layerNorm`)),
    line("forward, array to array", ([, name, call]) => of(forward, `${name} layerNorm ${call}`.trim())),
    line("gradients of x, gain, bias", ([, name]) => of(backward, `${name} layerNorm dx dGain dBias`)),
    line("largest error, rows around 0", ([, name]) => error(name, 0)),
    line("the same, mean 1,000 sigma", ([, name]) => error(name, 1e3)),
    line("the same, mean 1,000,000 sigma", ([, name]) => error(name, 1e6)),
  ];
  return [
    markdownTable(["", ...BESIDE.map(([title]) => title)], lines, (column) => column > 0),
    "",
    "Times and errors are those of LayerNorm of 1024 rows (errors: 64) of 768 elements, on one thread: medians of",
    `${result.rounds} interleaved rounds. ${about(
      result,
      BESIDE.map(([, name]) => name),
    )}.`,
  ].join("\n");
}

/** From how many rows on it pays, as the README says it. */
function paysMarkdown(result: Result): string {
  return markdownTable(
    ["faster from so many rows on, LayerNorm", ...PAYS.sizes.map((size) => `of ${size}`)],
    paysFrom(result).map(({ ours, theirs, rows }) => [`${ours}, beside ${theirs}`, ...rowsTried(rows)]),
    (column) => column > 0,
  );
}

/** Two threads beside one, and beside native C on one. */
function threadsMarkdown(result: Result): string {
  const kinds = ["layerNorm", "adaNorm", "adaNorm dx", "layerNorm dx dGain dBias"];
  const lines = THREADED.map(([rows, size]) => {
    const series = (name: string) => seriesOf(result, `threads ${rows}x${size}`, name);
    const one = (what: string) => series(`adanorm ${what}`);
    const two = (what: string) => series(`${ON_TWO.adanorm} ${what}`);
    return [
      `${rows} x ${size}`,
      ...kinds.map((what) => times(ratio(one(what), two(what)))),
      times(ratio(one("adaNorm"), series(`${ON_TWO.apart} adaNorm`))),
      ...["adaNorm", "adaNorm dx"].map((what) => times(ratio(two(what), series(`native ${what}`)))),
    ];
  });
  const header = ["rows", ...kinds, "two that share nothing", "adaNorm, to native C", "adaNorm dx, to native C"];
  return [
    markdownTable(header, lines, (column) => column > 0),
    "",
    "How many times as fast two threads are as one, on matrices; what two threads that share nothing do of adaNorm in the time of one,",
    "on this machine in the same run; and how long two threads take, in times of native C on one.",
    "",
    about(result),
  ].join("\n");
}

/** What goes between the markers of a name. */
const PARTS = { bench: markdown, beside: besideMarkdown, pays: paysMarkdown, threads: threadsMarkdown };

/** A page with its tables: those for which it has markers. */
export function withTables(page: string, result: Result): string {
  return Object.entries(PARTS).reduce(
    (text, [name, make]) => (text.includes(`<!-- ${name}:begin -->`) ? replacePart(text, name, make(result)) : text),
    page,
  );
}

export function insertMarkdown(file: string, result: Result): void {
  writeFileSync(file, withTables(readFileSync(file, "utf8"), result));
}
