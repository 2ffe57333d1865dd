/** What a run found, in words: every figure, the targets, and the table of the README. */

import { readFileSync, writeFileSync } from "node:fs";
import { markdownTable, replacePart } from "../scripts/markdown.ts";
import { ON_24, SIZES } from "./cases.ts";
import { type CaseResult, median, quantile, type Result, ratio, seriesOf } from "./result.ts";
import { isMet, TARGETS } from "./targets.ts";

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
    const what = name.slice(name.indexOf(" ") + 1).replace(/ (call|x\d+|with forward)$/, "");
    const ours = name.startsWith("adanorm ") || what.endsWith("forward") ? undefined : series[`adanorm ${what}`];
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

export function about(result: Result): string {
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  const engines = `Node ${result.node}${result.node24 ? ` (and ${result.node24} where it says so)` : ""}`;
  return `${result.machine}; ${engines}; ${versions.join(", ")}; ${result.date}`;
}

/** The columns of the README's table: each with the name of the series of a norm. */
const PEERS: [title: string, series: (what: string) => string][] = [
  // ONNX has no adaNorm: its layerNorm is compared instead.
  ["onnxruntime-node, kernel", (what) => `onnxruntime-node ${what.replace("adaNorm", "layerNorm")}`],
  ["onnxruntime-node, call", (what) => `onnxruntime-node ${what.replace("adaNorm", "layerNorm")} call`],
  ["onnxruntime-web, kernel", (what) => `onnxruntime-web ${what.replace("adaNorm", "layerNorm")}`],
  ["TensorFlow.js, wasm", (what) => `tfjs ${what}`],
  ["plain loops", (what) => `plain ${what}`],
];

/** The lines of that table: the case, the series in it, and the title. */
const LINES: [id: string, what: string, title: string][] = [
  ...["layerNorm", "adaNorm"].flatMap((norm) =>
    SIZES.map(([rows, size]): [string, string, string] => [
      `forward ${rows}x${size}`,
      norm,
      `${norm}, ${rows} x ${size}`,
    ]),
  ),
  ["backward 1024x768", "adaNorm dx", "adaNorm, 1024 x 768, backward"],
  ["backward 1024x768", "layerNorm dx dGain dBias", "layerNorm, 1024 x 768, backward with dGain and dBias"],
];

/** The README's part: the times of the others, relative to adanorm. */
export function markdown(result: Result): string {
  const lines = LINES.flatMap(([id, what, title]) => {
    const ours = seriesOf(result, id, `adanorm ${what}`);
    if (!ours) return [];
    const others = PEERS.map(([, series]) => times(ratio(seriesOf(result, id, series(what)), ours)));
    const copies = times(ratio(ours, seriesOf(result, id, "copy")));
    return [[title, duration(median(ours)), copies, ...others]];
  });
  const start = Object.entries(result.startUp).map(([name, { first }]) => `${name} ${duration(median(first) * 1e6)}`);
  return [
    markdownTable(
      ["norm, rows x size", "adanorm", "in `memory.copy`s", ...PEERS.map(([title]) => title)],
      lines,
      (column) => column > 0,
    ),
    "",
    `The columns of the others say how many times as long they take for the same rows: medians of ${result.rounds} interleaved rounds, one thread each.`,
    "A kernel of ONNX Runtime is what one more node in a graph costs, without the call around it. ONNX has no adaNorm: its layerNorm is",
    "compared instead. The backward of TensorFlow.js excludes the forward pass that it runs too.",
    ...(start.length
      ? [`Time from the imported package to the first result, in a fresh process: ${start.join(", ")}.`]
      : []),
    "",
    `Measured on ${about(result)}.`,
  ].join("\n");
}

/** Puts the table between the markers of a file. */
export function insertMarkdown(file: string, result: Result): void {
  writeFileSync(file, replacePart(readFileSync(file, "utf8"), "bench", markdown(result)));
}
