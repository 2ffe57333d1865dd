/** The report's charts, drawn by Observable Plot on a document without a browser; each is returned as markup. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { K, SCALE } from "./contenders.ts";
import type { Result, Run } from "./result.ts";
import type { GradientRow } from "./statistics.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** Wide enough for five panels side by side. */
const WIDTH = 1040;

const COLOURS: Record<Result["name"], string> = {
  "no norm": "#8a8f98",
  layerNorm: "#3566c8",
  layerNormSimple: "#2f9e6e",
  detachNorm: "#e0523f",
  adaNorm: "#d99a00",
  rmsNorm: "#9350d8",
};

const colour: Plot.ScaleOptions = { domain: Object.keys(COLOURS), range: Object.values(COLOURS) };

/** A chart as markup. */
export function draw(options: Plot.PlotOptions): string {
  return Plot.plot({
    document,
    width: WIDTH,
    marginTop: 34,
    marginBottom: 44,
    marginLeft: 58,
    ...options,
    style: { fontSize: "12px", fontFamily: "inherit", background: "none" },
  }).outerHTML;
}

/** The data of the points or bars of one panel for each norm. */
type Panel<T> = T & { norm: string };

/** The norms side by side, in one order. */
function panels(results: Result[]): Plot.ScaleOptions {
  return { label: null, domain: results.filter(({ norm }) => norm).map(({ name }) => name), padding: 0.12 };
}

/** The loss, each point the mean of the batches around it. */
export function lossChart({ results, settings }: Run): string {
  const points = results.flatMap(({ name, losses }) => {
    const half = Math.floor(losses.length / 40);
    const stride = Math.max(1, Math.floor(losses.length / 240));
    const some: Panel<{ digits: number; loss: number }>[] = [];
    for (let step = Math.ceil(half / 4); step + half < losses.length; step += stride) {
      // As many batches before as after: a window that is cut on one side would raise the steep beginning.
      const reach = Math.min(half, step);
      const around = losses.subarray(step - reach, step + reach + 1);
      const loss = around.reduce((sum, value) => sum + value, 0) / around.length;
      some.push({ norm: name, digits: (step + 1) * settings.batch, loss });
    }
    return some;
  });
  // Plot would also draw a tick outside the scale, off the chart.
  const [least, most] = [Math.min(...points.map(({ loss }) => loss)), Math.max(...points.map(({ loss }) => loss))];
  const ticks = [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 4].filter((tick) => tick >= least && tick <= most);
  return draw({
    height: 400,
    marginRight: 20,
    grid: true,
    color: { ...colour, legend: true },
    x: {
      label: "training digits seen →",
      labelAnchor: "right",
      tickFormat: (digits: number) => digits.toLocaleString("en"),
    },
    y: {
      type: "log",
      label: "↑ training loss, smoothed (nats, logarithmic)",
      ticks,
      tickFormat: "~g",
    },
    marks: [Plot.lineY(points, { x: "digits", y: "loss", stroke: "norm", strokeWidth: 1.4 })],
  });
}

interface Bin {
  from: number;
  to: number;
  density: number;
}

/** A histogram that integrates to the share of the values between `from` and `to`. */
function histogram(values: ArrayLike<number>, from: number, to: number, bins: number): Bin[] {
  const counts = new Float64Array(bins);
  const width = (to - from) / bins;
  for (let i = 0; i < values.length; i++) {
    // A value on an edge, up to rounding, belongs to the lower bin: a ratio of exactly 1 is not above 1.
    const bin = Math.floor(((values[i] as number) - from) / width - 1e-3);
    if (bin >= 0 && bin < bins) counts[bin] = (counts[bin] as number) + 1;
  }
  return Array.from(counts, (count, bin) => ({
    from: from + bin * width,
    to: from + (bin + 1) * width,
    density: count / (values.length * width),
  }));
}

/** How the hidden rows are distributed, before and after what follows the normalisation. */
export function hiddenChart({ results }: Run): string {
  const range = [-4, 5, 90] as const;
  const z: Panel<Bin>[] = [];
  const y: Panel<Bin>[] = [];
  for (const { name, norm } of results) {
    if (!norm) continue;
    const { rows } = norm.findings;
    z.push(...histogram(rows.z, ...range).map((bin) => ({ ...bin, norm: name })));
    y.push(...histogram(rows.y, ...range).map((bin) => ({ ...bin, norm: name })));
  }
  return draw({
    height: 260,
    color: colour,
    marginTop: 52,
    fx: panels(results),
    x: { label: "z (grey area) and y (coloured line), no unit →", labelAnchor: "right", ticks: 5 },
    y: { label: "↑ density per unit", grid: true },
    marks: [
      Plot.rectY(z, { fx: "norm", x1: "from", x2: "to", y: "density", fill: "#c9ced6", insetLeft: 0, insetRight: 0 }),
      Plot.lineY(y, { fx: "norm", x: "from", y: "density", stroke: "norm", curve: "step-after", strokeWidth: 1.5 }),
      Plot.ruleY([0]),
    ],
  });
}

/** adaNorm's phi, over the values of z in the data. */
export function phiChart(z: Float64Array): string {
  const [from, to] = [-4, 6];
  const phi = (at: number) => SCALE * (1 - K * at);
  return draw({
    width: 680,
    height: 320,
    marginRight: 70,
    x: { label: "z, the normalised element (no unit) →", labelAnchor: "right", domain: [from, to] },
    y: { label: "↑ φ(z) (line, a factor) and density of z per unit (bars)", grid: true },
    marks: [
      Plot.rectY(histogram(z, from, to, 100), {
        x1: "from",
        x2: "to",
        y: "density",
        fill: "#c9ced6",
        insetLeft: 0,
        insetRight: 0,
      }),
      Plot.ruleY([0]),
      Plot.ruleX([0], { stroke: "#555", strokeDasharray: "3,3" }),
      Plot.line([from, to], { x: (at: number) => at, y: phi, stroke: COLOURS.adaNorm, strokeWidth: 2.5 }),
      Plot.text([to], { x: to, y: phi(to), text: ["φ(z)"], dx: 8, textAnchor: "start", fill: COLOURS.adaNorm }),
    ],
  });
}

/** Every so many rows, so that the page stays small. */
function sample(rows: GradientRow[], count: number): GradientRow[] {
  const stride = Math.max(1, Math.floor(rows.length / count));
  return rows.filter((_, i) => i % stride === 0);
}

/** The mean of dL/dx in some rows against the mean that came from above: on the axis, or on the diagonal. */
export function gradientMeanChart({ results }: Run): string {
  const points: Panel<{ kept: number; mean: number }>[] = [];
  const claims: Panel<{ slope: number }>[] = [];
  for (const { name, norm } of results) {
    if (!norm) continue;
    const { theorem } = norm.choice;
    if (theorem) claims.push({ norm: name, slope: theorem.mean === "kept" ? 1 : 0 });
    for (const row of sample(norm.findings.gradients, 400)) {
      // Digits that are easy to recognise have tiny gradients: each row is shown in its own unit.
      const unit = Math.sqrt(row.keptVariance) || 1;
      points.push({ norm: name, kept: row.keptMean / unit, mean: row.mean / unit });
    }
  }
  const edge = Math.max(...points.map(({ kept, mean }) => Math.max(Math.abs(kept), Math.abs(mean))));
  return draw({
    height: 270,
    color: colour,
    marginTop: 52,
    fx: panels(results),
    grid: true,
    x: { label: "mean(dz)/σ, in units of std(dz)/σ →", labelAnchor: "right", ticks: 4 },
    y: { label: "↑ mean of dL/dx, in units of std(dz)/σ" },
    marks: [
      Plot.link(claims, {
        fx: "norm",
        x1: -edge,
        x2: edge,
        y1: ({ slope }) => -slope * edge,
        y2: ({ slope }) => slope * edge,
        stroke: "#333",
        strokeWidth: 1,
      }),
      Plot.dot(points, { fx: "norm", x: "kept", y: "mean", r: 1.6, fill: "norm", fillOpacity: 0.55 }),
    ],
  });
}

/** The variance of dL/dx as a share of var(dz)/sigma^2, all rows: below 1, or exactly there. */
export function gradientVarianceChart({ results }: Run): string {
  const bars: Panel<{ from: number; to: number; share: number }>[] = [];
  for (const { name, norm } of results) {
    if (!norm) continue;
    const ratios = norm.findings.gradients.map(({ variance, keptVariance }) => variance / keptVariance);
    for (const { from, to, density } of histogram(ratios, 0, 1.2, 48)) {
      bars.push({ norm: name, from, to, share: 100 * density * (to - from) });
    }
  }
  const claimed = results.filter(({ norm }) => norm?.choice.theorem).map(({ name }) => ({ norm: name }));
  return draw({
    height: 260,
    color: colour,
    marginTop: 52,
    fx: panels(results),
    x: { label: "variance of dL/dx ÷ (var(dz)/σ²) →", labelAnchor: "right", ticks: [0, 0.5, 1] },
    y: {
      label: "↑ rows (%, logarithmic above 1)",
      type: "symlog",
      constant: 1,
      domain: [0, 100],
      grid: true,
      ticks: [0, 1, 3, 10, 30, 100],
    },
    marks: [
      Plot.rectY(bars, { fx: "norm", x1: "from", x2: "to", y: "share", fill: "norm", inset: 0.3 }),
      Plot.ruleX(claimed, { fx: "norm", x: 1, stroke: "#333" }),
      Plot.ruleY([0]),
    ],
  });
}
