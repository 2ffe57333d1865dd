/** The table of results, one line a network: as text for the terminal and as HTML for the report. */
import type { Result } from "./result.ts";
import type { Findings, GradientRow } from "./statistics.ts";
import type { Times } from "./timing.ts";

interface Column {
  /** Neighbours with the same group share one heading. */
  group: string;
  title: string;
  cell(result: Result): string;
}

/** The widest line for a terminal. */
const TERMINAL = 120;

const small = (value: number) => value.toExponential(1).replace("e+0", "");

function mean<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((sum, value) => sum + of(value), 0) / values.length;
}

/**
 * A size in dL/dx against the size that it would have if backward subtracted nothing: means over the rows of a layer, then over
 * the layers, because gradients differ in size from layer to layer.
 */
function share(layers: readonly Findings[], found: (row: GradientRow) => number, kept: (row: GradientRow) => number) {
  return mean(layers, ({ gradients }) => mean(gradients, found) / mean(gradients, kept));
}

function finding(group: string, title: string, show: (layers: readonly Findings[]) => string): Column {
  return { group, title, cell: ({ norm }) => (norm ? show(norm.layers) : "-") };
}

function claim(group: string, title: string, show: (norm: NonNullable<Result["norm"]>) => string): Column {
  return { group, title, cell: ({ norm }) => (norm?.choice.theorem ? show(norm) : "-") };
}

function timing(group: string, title: string, show: (times: Times) => string): Column {
  return { group, title, cell: ({ norm }) => (norm ? show(norm.times) : "-") };
}

/** The training loss over the last tenth of the batches. */
function lastLoss({ losses }: Result): number {
  return mean([...losses.subarray(Math.floor(0.9 * losses.length))], (loss) => loss);
}

const fraction = (value: number) => (value < 1e-3 ? small(value) : value.toFixed(3));

const COLUMNS: readonly Column[] = [
  { group: "", title: "norm", cell: ({ name }) => name },
  {
    group: "test",
    title: "accuracy",
    cell: ({ accuracy }) => (accuracy === undefined ? "diverged" : `${(100 * accuracy).toFixed(2)} %`),
  },
  { group: "last", title: "loss", cell: (result) => lastLoss(result).toFixed(3) },
  finding("dL/dx: mean", "found", (layers) =>
    fraction(
      share(
        layers,
        (row) => Math.abs(row.mean),
        (row) => Math.abs(row.keptMean),
      ),
    ),
  ),
  claim("dL/dx: mean", "theorem", ({ choice }) => (choice.theorem?.mean === "zero" ? "0" : "1")),
  finding("dL/dx: variance", "found", (layers) =>
    share(
      layers,
      (row) => row.variance,
      (row) => row.keptVariance,
    ).toFixed(3),
  ),
  claim("dL/dx: variance", "theorem", ({ choice }) => (choice.theorem?.variance === "kept" ? "1" : "<= 1")),
  claim("theorem", "holds in", ({ layers }) => {
    const gradients = layers.flatMap((layer) => layer.gradients);
    const holding = gradients.filter(({ holds }) => holds).length;
    return holding === gradients.length ? "all rows" : `${holding} of ${gradients.length}`;
  }),
  finding("largest error", "y", (layers) => small(Math.max(...layers.map(({ errors }) => errors.forward)))),
  finding("largest error", "dL/dx", (layers) => small(Math.max(...layers.map(({ errors }) => errors.backward)))),
  timing("forward", "ms", ({ forward }) => forward.toFixed(2)),
  timing("forward", "loops", (times) => `${(times.plainForward / times.forward).toFixed(1)}x`),
  timing("backward", "ms", ({ backward }) => backward.toFixed(2)),
  timing("backward", "loops", (times) => `${(times.plainBackward / times.backward).toFixed(1)}x`),
];

/** What the columns mean, for below the table. */
export const LEGEND: readonly string[] = [
  "loss: in training, over the last tenth of the batches.",
  "dL/dx: the gradient of one digit's loss at the norm's input, one row for each digit and hidden layer. Its mean (without sign)" +
    " and its variance are in units of mean(dz)/sigma and var(dz)/sigma^2, what they would be if backward subtracted nothing;" +
    " dz = dL/dz, z is the normalised row, before gain, bias or phi.",
  "theorem: what the paper proves about them. Every row is checked.",
  "largest error: against the double-precision reference; y in units of max(1, |y|), dL/dx in units of its row's max|dz|/sigma.",
  "ms: median for all test digits in one layer, resident in linear memory. loops: how many times as long plain loops take.",
];

/** A text in lines that fit a terminal; all but the first are indented. */
export function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) as string;
    if (line !== "" && line.length + 1 + word.length > TERMINAL) lines.push(`  ${word}`);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}

/** What the run shows, in one line of a terminal. */
export function takeaway(results: readonly Result[]): string {
  const accuracyOf = (result: Result | undefined) =>
    result?.accuracy === undefined ? "none" : `${(100 * result.accuracy).toFixed(1)} %`;
  const [none, ...others] = results;
  const best = [...others].sort((a, b) => (b.accuracy ?? 0) - (a.accuracy ?? 0))[0];
  const speeds = results.flatMap(({ norm }) =>
    norm ? [norm.times.plainForward / norm.times.forward, norm.times.plainBackward / norm.times.backward] : [],
  );
  const rows = results.flatMap(({ norm }) => (norm?.choice.theorem ? norm.layers : [])).flatMap((one) => one.gradients);
  const holding = rows.filter(({ holds }) => holds).length;
  const count = (value: number) => value.toLocaleString("en");
  const theorem = `theorem in ${holding === rows.length ? "all" : `${count(holding)} of`} ${count(rows.length)} rows`;
  const speed = `${Math.min(...speeds).toFixed(1)} to ${Math.max(...speeds).toFixed(1)}x as fast as plain loops`;
  return `${accuracyOf(none)} right without a norm, ${accuracyOf(best)} with ${best?.name}; ${theorem}; ${speed}.`;
}

/** Neighbouring columns of one group: where they start and how many they are. */
function groups(): { group: string; start: number; span: number }[] {
  const found: { group: string; start: number; span: number }[] = [];
  COLUMNS.forEach(({ group }, start) => {
    const last = found.at(-1);
    if (last && last.group === group) last.span++;
    else found.push({ group, start, span: 1 });
  });
  return found;
}

/** The table for the terminal. */
export function textTable(results: Result[]): string {
  const lines = [
    COLUMNS.map(({ title }) => title),
    ...results.map((result) => COLUMNS.map(({ cell }) => cell(result))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  const gap = "  ";
  let heading = "";
  for (const { group, start, span } of groups()) {
    const room = () => widths.slice(start, start + span).reduce((sum, width) => sum + width, gap.length * (span - 1));
    if (group.length > room()) widths[start] = (widths[start] as number) + group.length - room();
    heading += (start === 0 ? "" : gap) + group.padStart(span === 1 ? room() : 0).padEnd(room());
  }
  const body = lines.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join(gap),
  );
  return [heading.trimEnd(), ...body].join("\n");
}

/** The table for the report. */
export function htmlTable(results: Result[]): string {
  const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replace("&lt;=", "≤");
  const heading = groups().map(({ group, span }) => `<th colspan="${span}">${escaped(group)}</th>`);
  const titles = COLUMNS.map(({ title }) => `<th>${escaped(title)}</th>`);
  const lines = results.map(
    (result) =>
      `<tr>${COLUMNS.map(({ cell }) => `<td>${escaped(cell(result)).replace(/^-$/, "–")}</td>`).join("")}</tr>`,
  );
  return `<table><thead><tr>${heading.join("")}</tr><tr>${titles.join("")}</tr></thead><tbody>${lines.join("\n")}</tbody></table>`;
}
