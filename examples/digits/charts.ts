/**
 * The report's charts, drawn by Observable Plot on a document without a browser; each is returned as markup. Every chart is
 * drawn twice, for wide and for narrow screens, because a chart that is only made smaller cannot be read on a phone. The page
 * shows one of the two, and sets the colours of its own parts: ink, and soft and grey shades.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { K, SCALE } from "./contenders.ts";
import type { Result, Run } from "./result.ts";
import type { GradientRow } from "./statistics.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

export type Layout = "wide" | "narrow";

const LAYOUTS: readonly Layout[] = ["wide", "narrow"];

/** Wide enough for five panels side by side, and narrow enough for a phone, where they are one below the other. */
const WIDTH: Record<Layout, number> = { wide: 1040, narrow: 350 };

/** The height of a panel that has others above or below it. */
const PANEL = 132;

/** Readable on white and on black. */
const COLOURS: Record<Result["name"], string> = {
  "no norm": "#8a8f98",
  layerNorm: "#4a7be0",
  layerNormSimple: "#2f9e6e",
  detachNorm: "#e0523f",
  adaNorm: "#d99a00",
  rmsNorm: "#a06ae0",
};

const INK = "var(--ink)";
const SOFT = "var(--soft)";
const GREY = "var(--grey)";

const colour: Plot.ScaleOptions = { domain: Object.keys(COLOURS), range: Object.values(COLOURS) };

/** A chart in both layouts, as markup. `label` says what it shows to those who do not see it. */
export function draw(label: string, options: (layout: Layout) => Plot.PlotOptions): string {
  const charts = LAYOUTS.map((layout) => {
    const chart = Plot.plot({
      document,
      width: WIDTH[layout],
      marginTop: 34,
      marginBottom: 44,
      marginLeft: layout === "wide" ? 58 : 44,
      marginRight: 16,
      ...options(layout),
      style: { fontSize: "12px", fontFamily: "inherit", background: "none" },
    });
    const svgs = chart.tagName.toLowerCase() === "svg" ? [chart] : [...chart.querySelectorAll(":scope > svg")];
    const svg = svgs.at(-1);
    svg?.setAttribute("role", "img");
    svg?.setAttribute("aria-label", label);
    return `<div class="${layout}">${chart.outerHTML}</div>`;
  });
  return charts.join("");
}

/** The data of the points or bars of one panel for each norm. */
type Panel<T> = T & { norm: string };

const normed = (results: readonly Result[]) => results.flatMap(({ name, norm }) => (norm ? [{ name, ...norm }] : []));

/** The norms in one order: side by side, or one below the other, each with its name in it. */
function panels(layout: Layout, results: readonly Result[], options: Plot.PlotOptions): Plot.PlotOptions {
  const names = normed(results).map(({ name }) => name);
  const scale: Plot.ScaleOptions = { label: null, domain: names, padding: 0.12 };
  if (layout === "wide") return { ...options, marginTop: 52, fx: scale };
  const titles = Plot.text(names, {
    fy: (name: string) => name,
    text: (name: string) => name,
    frameAnchor: "top-left",
    dx: 4,
    dy: 2,
    fontWeight: "bold",
    fill: INK,
    stroke: "var(--paper)",
    strokeWidth: 4,
  });
  return {
    ...options,
    height: PANEL * names.length + 78,
    marginTop: 34,
    fy: { ...scale, axis: null },
    marks: [...(options.marks ?? []), titles],
  };
}

/** The channel of the panel. */
const panel = (layout: Layout) => (layout === "wide" ? ({ fx: "norm" } as const) : ({ fy: "norm" } as const));

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
  // Without a norm the first losses may be so large that they would flatten everything else.
  const most = Math.min(5, Math.max(...points.map(({ loss }) => loss)));
  const least = Math.min(...points.map(({ loss }) => loss));
  // Plot would also draw a tick outside the scale, off the chart.
  const ticks = [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 4].filter((tick) => tick >= least && tick <= most);
  return draw("Training loss against the digits seen: one line for each network.", (layout) => ({
    height: layout === "wide" ? 400 : 320,
    grid: true,
    color: { ...colour, legend: true },
    x: {
      label: "training digits seen →",
      labelAnchor: "right",
      ticks: layout === "wide" ? 10 : 4,
      tickFormat: (digits: number) => digits.toLocaleString("en"),
    },
    y: {
      type: "log",
      label: "↑ training loss, smoothed (nats, logarithmic)",
      domain: [least, most],
      clamp: true,
      ticks,
      tickFormat: "~g",
    },
    marks: [Plot.lineY(points, { x: "digits", y: "loss", stroke: "norm", strokeWidth: 1.6 })],
  }));
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

/** How the rows of the last hidden layer are distributed, before and after what follows the normalisation. */
export function hiddenChart({ results }: Run): string {
  const range = [-4, 5, 90] as const;
  const z: Panel<Bin>[] = [];
  const y: Panel<Bin>[] = [];
  for (const { name, last } of normed(results)) {
    z.push(...histogram(last.z, ...range).map((bin) => ({ ...bin, norm: name })));
    y.push(...histogram(last.y, ...range).map((bin) => ({ ...bin, norm: name })));
  }
  return draw("Histograms of the last hidden layer, before and after gain, bias or phi, by norm.", (layout) =>
    panels(layout, results, {
      height: 260,
      color: colour,
      x: {
        label:
          layout === "wide" ? "z (grey area) and y (coloured line), no unit →" : "z (grey) and y (line), no unit →",
        labelAnchor: "right",
        ticks: 5,
      },
      y: { label: "↑ density per unit", grid: true, ticks: 4 },
      marks: [
        Plot.rectY(z, {
          ...panel(layout),
          x1: "from",
          x2: "to",
          y: "density",
          fill: GREY,
          insetLeft: 0,
          insetRight: 0,
        }),
        Plot.lineY(y, {
          ...panel(layout),
          x: "from",
          y: "density",
          stroke: "norm",
          curve: "step-after",
          strokeWidth: 1.5,
        }),
        Plot.ruleY([0]),
      ],
    }),
  );
}

/** adaNorm's phi, over the values of z in the data. */
export function phiChart(z: Float64Array): string {
  const [from, to] = [-4, 6];
  const phi = (at: number) => SCALE * (1 - K * at);
  return draw("adaNorm's phi is a falling line, over a histogram of z.", (layout) => ({
    ...(layout === "wide" && { width: 680 }),
    height: layout === "wide" ? 320 : 260,
    marginRight: layout === "wide" ? 70 : 40,
    x: { label: "z, the normalised element (no unit) →", labelAnchor: "right", domain: [from, to] },
    y: {
      label: layout === "wide" ? "↑ φ(z) (line, a factor) and density of z per unit (bars)" : "↑ φ(z), density of z",
      grid: true,
    },
    marks: [
      Plot.rectY(histogram(z, from, to, 100), {
        x1: "from",
        x2: "to",
        y: "density",
        fill: GREY,
        insetLeft: 0,
        insetRight: 0,
      }),
      Plot.ruleY([0]),
      Plot.ruleX([0], { stroke: SOFT, strokeDasharray: "3,3" }),
      Plot.line([from, to], { x: (at: number) => at, y: phi, stroke: COLOURS.adaNorm, strokeWidth: 2.5 }),
      Plot.text([to], { x: to, y: phi(to), text: ["φ(z)"], dx: 8, textAnchor: "start", fill: COLOURS.adaNorm }),
    ],
  }));
}

/** Every so many rows, so that the page stays small. */
function sample(rows: readonly GradientRow[], count: number): GradientRow[] {
  const stride = Math.max(1, Math.floor(rows.length / count));
  return rows.filter((_, i) => i % stride === 0);
}

/** The mean of dL/dx in some rows against the mean that came from above: on the axis, or on the diagonal. */
export function gradientMeanChart({ results }: Run): string {
  const points: Panel<{ kept: number; mean: number }>[] = [];
  const claims: Panel<{ slope: number }>[] = [];
  for (const { name, choice, layers } of normed(results)) {
    const { theorem } = choice;
    if (theorem) claims.push({ norm: name, slope: theorem.mean === "kept" ? 1 : 0 });
    const rows = layers.flatMap(({ gradients }) => sample(gradients, 300 / layers.length));
    for (const row of rows) {
      // Digits that are easy to recognise have tiny gradients: each row is shown in its own unit.
      const unit = Math.sqrt(row.keptVariance) || 1;
      points.push({ norm: name, kept: row.keptMean / unit, mean: row.mean / unit });
    }
  }
  const edge = Math.max(...points.map(({ kept, mean }) => Math.max(Math.abs(kept), Math.abs(mean))));
  return draw("The mean of dL/dx, row by row, lies on the theorem's lines.", (layout) =>
    panels(layout, results, {
      height: 270,
      color: colour,
      grid: true,
      x: { label: "mean(dz)/σ, in units of std(dz)/σ →", labelAnchor: "right", ticks: 4 },
      y: {
        label: layout === "wide" ? "↑ mean of dL/dx, in units of std(dz)/σ" : "↑ mean of dL/dx, same unit",
        ticks: 4,
      },
      marks: [
        Plot.link(claims, {
          ...panel(layout),
          x1: -edge,
          x2: edge,
          y1: ({ slope }) => -slope * edge,
          y2: ({ slope }) => slope * edge,
          stroke: INK,
          strokeWidth: 1,
        }),
        Plot.dot(points, { ...panel(layout), x: "kept", y: "mean", r: 1.6, fill: "norm", fillOpacity: 0.55 }),
      ],
    }),
  );
}

/** The variance of dL/dx as a share of var(dz)/sigma^2, all rows: below 1, or exactly there. */
export function gradientVarianceChart({ results }: Run): string {
  const bars: Panel<{ from: number; to: number; share: number }>[] = [];
  for (const { name, layers } of normed(results)) {
    const ratios = layers.flatMap(({ gradients }) =>
      gradients.map(({ variance, keptVariance }) => variance / keptVariance),
    );
    for (const { from, to, density } of histogram(ratios, 0, 1.2, 48)) {
      bars.push({ norm: name, from, to, share: 100 * density * (to - from) });
    }
  }
  const claimed = normed(results).flatMap(({ name, choice }) => (choice.theorem ? [{ norm: name }] : []));
  return draw("The variance of dL/dx is at most the theorem's, or exactly that.", (layout) =>
    panels(layout, results, {
      height: 260,
      color: colour,
      x: { label: "variance of dL/dx ÷ (var(dz)/σ²) →", labelAnchor: "right", ticks: [0, 0.5, 1] },
      y: {
        label: "↑ rows (%, logarithmic above 1)",
        type: "symlog",
        constant: 1,
        domain: [0, 100],
        grid: true,
        ticks: layout === "wide" ? [0, 1, 3, 10, 30, 100] : [0, 1, 10, 100],
      },
      marks: [
        Plot.rectY(bars, { ...panel(layout), x1: "from", x2: "to", y: "share", fill: "norm", inset: 0.3 }),
        Plot.ruleX(claimed, { ...panel(layout), x: 1, stroke: INK }),
        Plot.ruleY([0]),
      ],
    }),
  );
}
