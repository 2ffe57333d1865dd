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

const small = (value: number) => value.toExponential(1).replace("e+0", "");

function average(rows: GradientRow[], of: (row: GradientRow) => number): number {
  return rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
}

function finding(group: string, title: string, show: (findings: Findings) => string): Column {
  return { group, title, cell: ({ norm }) => (norm ? show(norm.findings) : "-") };
}

function timing(group: string, title: string, show: (times: Times) => string): Column {
  return { group, title, cell: ({ norm }) => (norm ? show(norm.times) : "-") };
}

const COLUMNS: readonly Column[] = [
  { group: "", title: "norm", cell: ({ name }) => name },
  { group: "test", title: "accuracy", cell: ({ accuracy }) => `${(100 * accuracy).toFixed(2)} %` },
  finding("hidden y", "mean", ({ y }) => (Math.abs(y.mean) < 1e-6 ? small(y.mean) : y.mean.toFixed(4))),
  finding("hidden y", "variance", ({ y }) => y.variance.toFixed(4)),
  finding("|mean of dL/dx|", "measured", ({ gradients }) => small(average(gradients, (row) => Math.abs(row.mean)))),
  {
    group: "|mean of dL/dx|",
    title: "theorem",
    cell: ({ norm }) => {
      if (!norm?.choice.theorem) return "-";
      if (norm.choice.theorem.mean === "zero") return "0";
      return `= ${small(average(norm.findings.gradients, (row) => Math.abs(row.keptMean)))}`;
    },
  },
  finding("variance of dL/dx", "measured", ({ gradients }) =>
    average(gradients, (row) => row.variance).toExponential(3),
  ),
  {
    group: "variance of dL/dx",
    title: "theorem",
    cell: ({ norm }) => {
      if (!norm?.choice.theorem) return "-";
      const kept = average(norm.findings.gradients, (row) => row.keptVariance).toExponential(3);
      return `${norm.choice.theorem.variance === "kept" ? "=" : "<="} ${kept}`;
    },
  },
  {
    group: "theorem",
    title: "holds in",
    cell: ({ norm }) => {
      if (!norm?.choice.theorem) return "-";
      const { gradients } = norm.findings;
      const holding = gradients.filter(({ holds }) => holds).length;
      return holding === gradients.length ? "all rows" : `${holding} of ${gradients.length}`;
    },
  },
  finding("largest error", "y", ({ errors }) => small(errors.forward)),
  finding("largest error", "dL/dx", ({ errors }) => small(errors.backward)),
  timing("forward", "ms", ({ forward }) => forward.toFixed(2)),
  timing("forward", "plain JS", (times) => `${(times.plainForward / times.forward).toFixed(1)} x`),
  timing("backward", "ms", ({ backward }) => backward.toFixed(2)),
  timing("backward", "plain JS", (times) => `${(times.plainBackward / times.backward).toFixed(1)} x`),
];

/** What the columns mean, for below the table. */
export const LEGEND: readonly string[] = [
  "hidden y: the norm's output, all its elements over the test digits.",
  "dL/dx: the gradient of one digit's loss at the norm's input, one row for each digit. Mean and variance are those of a" +
    " row, averaged over the rows; the mean is without its sign.",
  "theorem: what the paper proves about them, from dz = dL/dz (z is the normalised row, before gain, bias or phi) and the" +
    " row's sigma: the mean is 0 or mean(dz)/sigma; the variance is at most, or exactly, var(dz)/sigma^2. Every row is checked.",
  "largest error: against the double-precision reference; y in units of max(1, |y|), dL/dx in units of its row's max|dz|/sigma.",
  "ms: median for all test digits, resident in linear memory. plain JS: how many times as long plain loops take.",
];

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
