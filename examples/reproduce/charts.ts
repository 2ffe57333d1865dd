/** The charts, drawn by Observable Plot on a document without a browser. Each is an SVG file. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { CONTENDERS, competing, type NormName } from "./contenders.ts";
import type { TaskName } from "./plans.ts";
import type { Point, Result, SiteGradients } from "./result.ts";
import { METRICS } from "./summary.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

const WIDTH = 960;

/** The approximate width of a letter, and the height of a line. */
const LETTER = 7;
const LINE = 16;

export interface Drawing {
  /** Without its ending. */
  name: string;
  title: string;
  svg: string;
}

const titleOf = (norm: NormName) => CONTENDERS[norm].title;

/** The legend, in two lines at most. It is a mark in the chart, because Plot's own legend would be HTML beside the SVG. */
function legend(norms: readonly NormName[], bottom: number): Plot.Markish[] {
  let dx = 0;
  let dy = bottom - LINE;
  return norms.flatMap((norm) => {
    if (dx + 26 + LETTER * titleOf(norm).length > WIDTH - 80) [dx, dy] = [0, bottom];
    const place = { frameAnchor: "top-left", facet: "super", textAnchor: "start", dy } as const;
    const line = Plot.text(["━━"], { ...place, dx, fill: CONTENDERS[norm].colour, fontWeight: "bold" });
    const title = Plot.text([titleOf(norm)], { ...place, dx: dx + 26, fill: "#1d2129" });
    dx += 52 + LETTER * titleOf(norm).length;
    return [line, title];
  });
}

/** Coordinates to a tenth of a pixel. */
function draw(name: string, title: string, options: Plot.PlotOptions): Drawing {
  const figure = Plot.plot({
    document,
    width: WIDTH,
    marginLeft: 56,
    marginRight: 24,
    ...options,
    style: { fontSize: "12px", fontFamily: "system-ui, sans-serif", background: "white" },
  });
  const element = figure.tagName.toLowerCase() === "svg" ? figure : figure.querySelector("svg");
  // A page needs no namespace, but a separate file does.
  element?.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  // In tags only: the text between them must stay the same.
  const short = element?.outerHTML.replace(/<[^>]*>/g, (tag) => tag.replace(/(\d+\.\d)\d+/g, "$1"));
  // Without the attributes that Plot repeats for old browsers, and with a title for those who do not see the chart.
  const svg = short?.replace(/\s*height: intrinsic;/, "").replace(">", `><title>${title}</title>`);
  return { name, title, svg: `${svg}\n` };
}

/** Round numbers on a logarithmic axis: as many as fit. */
function ticksBetween(least: number, most: number): number[] {
  const decades = [0.001, 0.01, 0.1, 1, 10];
  const steps = [
    [1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.4, 2.6, 2.8, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9],
    [1, 1.5, 2, 3, 4, 5, 6, 8],
    [1, 2, 5],
  ].map((some) => decades.flatMap((decade) => some.map((step) => Number((decade * step).toPrecision(2)))));
  const within = steps.map((ticks) => ticks.filter((tick) => tick >= least && tick <= most));
  return within.find(({ length }) => length <= 10) ?? within.at(-1) ?? [];
}

/** The mean over the seeds, point by point, over the runs that reached the point. */
function meanCurve(results: readonly Result[]): Point[] {
  const longest = results.map(({ curve }) => curve).sort((a, b) => b.length - a.length)[0] ?? [];
  return longest.map(({ step }, i) => {
    const points = results.flatMap(({ curve }) => curve[i] ?? []);
    const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
    return { step, training: mean((point) => point.training), heldOut: mean((point) => point.heldOut) };
  });
}

/** Training and validation loss of a task, a line for each norm: the mean over the seeds. */
export function curveChart(task: TaskName, norms: readonly NormName[], results: readonly Result[]): Drawing {
  const lines = norms.flatMap((norm) => {
    const runs = results.filter(({ settings }) => settings.task === task && settings.norm === norm);
    return meanCurve(runs).flatMap(({ step, training, heldOut }) => [
      { norm, step, loss: training, which: "training loss, nats" },
      { norm, step, loss: heldOut, which: "validation loss (held-out examples), nats" },
    ]);
  });
  const losses = lines.map(({ loss }) => loss).sort((a, b) => a - b);
  // A norm with which training diverges must not flatten the curves of the others: it leaves the chart at the top.
  const first = lines.filter(({ step }) => step === lines[0]?.step).map(({ loss }) => loss);
  const usual = first.sort((a, b) => a - b)[first.length >> 1] ?? 1;
  const [least, most] = [(losses[0] ?? 0.1) / 1.04, Math.min(losses.at(-1) ?? 1, 2 * usual) * 1.02];
  const { title } = METRICS[task];
  return draw(`loss-${task}`, `${title}: training and validation loss, by norm`, {
    height: 340,
    marginTop: 72,
    marginBottom: 42,
    fx: { label: null, domain: [...new Set(lines.map(({ which }) => which))], padding: 0.06 },
    x: { label: "steps →", labelAnchor: "right", ticks: 5, tickFormat: (step: number) => step.toLocaleString("en") },
    y: {
      type: "log",
      label: null,
      domain: [least, most],
      clamp: true,
      // Some of Plot's own ticks would be outside the domain, off the chart.
      ticks: ticksBetween(least, most),
      tickFormat: "~g",
      grid: true,
    },
    marks: [
      Plot.frame({ stroke: "#dfe3e8" }),
      Plot.line(lines, {
        fx: "which",
        x: "step",
        y: "loss",
        z: "norm",
        stroke: ({ norm }: { norm: NormName }) => CONTENDERS[norm].colour,
        strokeWidth: 1.7,
      }),
      ...legend(norms, -46),
    ],
  });
}

/** The sampled rows of the sites of one norm, so many in all. */
function rowsOf(norm: NormName, results: readonly Result[], most: number): SiteGradients["sample"] {
  const rows = results
    .filter(({ settings }) => settings.norm === norm)
    .flatMap(({ gradients }) => gradients.flatMap(({ sample }) => sample));
  const stride = Math.max(1, rows.length / most);
  return Array.from({ length: Math.min(most, rows.length) }, (_, i) => rows[Math.floor(i * stride)]).flatMap(
    (row) => row ?? [],
  );
}

const tested = (norms: readonly NormName[]) => norms.filter((norm) => CONTENDERS[norm].theorem);

/** The mean of dL/dx in some rows against the mean that came from above: on the axis, or on the diagonal. */
export function meanChart(norms: readonly NormName[], results: readonly Result[]): Drawing {
  const points = tested(norms).flatMap((norm) =>
    rowsOf(norm, results, 90).map(({ mean, keptMean, keptVariance }) => {
      // Examples that are easy to recognise have tiny gradients: each row is shown in its own unit.
      const unit = Math.sqrt(keptVariance) || 1;
      return { norm: titleOf(norm), colour: CONTENDERS[norm].colour, kept: keptMean / unit, mean: mean / unit };
    }),
  );
  const sizes = points.map(({ kept }) => Math.abs(kept)).sort((a, b) => a - b);
  const edge = sizes[Math.floor(0.98 * (sizes.length - 1))] ?? 1;
  const claims = tested(norms).map((norm) => ({
    norm: titleOf(norm),
    slope: CONTENDERS[norm].theorem?.mean === "kept" ? 1 : 0,
  }));
  return draw("gradient-mean", "Mean of dL/dx, row by row; the theorem's as black lines", {
    height: 270,
    marginTop: 52,
    marginBottom: 44,
    fx: { label: null, domain: tested(norms).map(titleOf), padding: 0.1 },
    x: {
      label: "mean(dz)/σ, in units of std(dz)/σ →",
      labelAnchor: "right",
      domain: [-edge, edge],
      ticks: 3,
      clamp: true,
    },
    y: { label: "↑ mean of dL/dx, same unit", domain: [-edge, edge], ticks: 5, grid: true, clamp: true },
    marks: [
      Plot.frame({ stroke: "#dfe3e8" }),
      Plot.link(claims, {
        fx: "norm",
        x1: -edge,
        x2: edge,
        y1: ({ slope }: { slope: number }) => -slope * edge,
        y2: ({ slope }: { slope: number }) => slope * edge,
        stroke: "#1d2129",
        strokeWidth: 1,
      }),
      Plot.dot(points, { fx: "norm", x: "kept", y: "mean", r: 2, fill: "colour", fillOpacity: 0.6 }),
    ],
    color: { type: "identity" },
  });
}

/** A ratio of 1 means that backward subtracted nothing. Ratios below 1 are spread over this many bars. */
const BARS = 30;
const LOWEST = 0.7;

/** The variance of dL/dx as a share of var(dz) / sigma^2: at most 1, or exactly there. */
export function varianceChart(norms: readonly NormName[], results: readonly Result[]): Drawing {
  const width = (1 - LOWEST) / BARS;
  const bars = tested(norms).flatMap((norm) => {
    const ratios = rowsOf(norm, results, 1e9).map(({ variance, keptVariance }) => variance / keptVariance);
    const counts = new Map<number, number>();
    for (const ratio of ratios) {
      // A ratio on an edge, up to rounding, belongs to the lower bar: a ratio of exactly 1 is not above 1.
      const bar = Math.max(0, Math.floor((ratio - LOWEST) / width - 1e-3));
      counts.set(bar, (counts.get(bar) ?? 0) + 1);
    }
    return [...counts].map(([bar, count]) => ({
      norm: titleOf(norm),
      colour: CONTENDERS[norm].colour,
      from: LOWEST + bar * width,
      to: LOWEST + (bar + 1) * width,
      share: (100 * count) / ratios.length,
    }));
  });
  return draw("gradient-variance", "Variance of dL/dx, rows of all tasks; at most 1 by the theorem", {
    height: 270,
    marginTop: 52,
    marginBottom: 44,
    fx: { label: null, domain: tested(norms).map(titleOf), padding: 0.1 },
    x: {
      label: `variance of dL/dx ÷ (var(dz)/σ²); the first bar: ${LOWEST} and less →`,
      labelAnchor: "right",
      domain: [LOWEST, 1 + 3 * width],
      ticks: [0.7, 0.8, 0.9, 1],
      tickFormat: "~g",
    },
    y: {
      label: "↑ rows, % (logarithmic above 1)",
      type: "symlog",
      constant: 1,
      domain: [0, 100],
      ticks: [0, 1, 3, 10, 30, 100],
      grid: true,
    },
    marks: [
      Plot.frame({ stroke: "#dfe3e8" }),
      Plot.rectY(bars, { fx: "norm", x1: "from", x2: "to", y: "share", fill: "colour", inset: 0.3 }),
      Plot.ruleX([1], { stroke: "#1d2129" }),
    ],
    color: { type: "identity" },
  });
}

export function drawings(
  tasks: readonly TaskName[],
  norms: readonly NormName[],
  results: readonly Result[],
): Drawing[] {
  const curves = tasks.map((task) => curveChart(task, competing(task, norms), results));
  return tested(norms).length > 0 ? [...curves, meanChart(norms, results), varianceChart(norms, results)] : curves;
}
