/** The picture of the README: how long a call takes, and how exact it is, by whom. It has no more than the figures of a run. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { median, type Result, seriesOf } from "./result.ts";

const WIDTH = 920;
const HEIGHT = 400;
const PANEL = WIDTH / 2;
const CASE = "forward 1024x768";

/** By the names of their traits: a title, the series of calls from array to array, and a colour. */
const PEERS: Record<string, { title: string; series: string; colour: string }> = {
  adanorm: { title: "adanorm", series: "adanorm layerNorm new arrays", colour: "#2f7de1" },
  plain: { title: "JavaScript loops", series: "plain layerNorm", colour: "#1f9d6b" },
  "onnxruntime-web": { title: "onnxruntime-web", series: "onnxruntime-web layerNorm call", colour: "#a463e0" },
  tfjs: { title: "TensorFlow.js, wasm", series: "tfjs layerNorm call", colour: "#d08700" },
  "jax-js": { title: "jax-js, wasm", series: "jax-js layerNorm call", colour: "#dc5040" },
};

/** The document's colours follow the reader's theme, and it has a ground of its own, so that it can be read on any page. */
const STYLE = `<style>
  svg { --ink: #1f2328; --soft: #59636e; --paper: #ffffff; --edge: #d1d9e0; color: var(--ink); }
  @media (prefers-color-scheme: dark) {
    svg { --ink: #f0f6fc; --soft: #9198a1; --paper: #0d1117; --edge: #3d444d; }
  }
</style>`;

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** Milliseconds, with as many digits as say something. */
const duration = (ns: number) => `${(ns / 1e6).toPrecision(2)} ms`;

const common: Plot.PlotOptions = {
  document,
  width: PANEL,
  height: HEIGHT - 50,
  style: { fontSize: "13px", fontFamily: "system-ui, sans-serif", background: "none", color: "var(--ink)" },
};

function speedPanel(result: Result): Element {
  const bars = Object.values(PEERS).flatMap(({ title, series, colour }) => {
    const ns = seriesOf(result, CASE, series);
    return ns ? [{ title, colour, ns: median(ns) }] : [];
  });
  return Plot.plot({
    ...common,
    marginLeft: 165,
    marginRight: 70,
    marginTop: 20,
    marginBottom: 40,
    x: { label: "time of a call (less is better)", labelAnchor: "center", ticks: [], labelArrow: "none" },
    y: { label: null, domain: bars.map(({ title }) => title), padding: 0.35 },
    marks: [
      Plot.barX(bars, { x: "ns", y: "title", fill: "colour" }),
      Plot.text(bars, {
        x: "ns",
        y: "title",
        text: ({ ns }) => duration(ns),
        textAnchor: "start",
        dx: 6,
        fill: "var(--ink)",
      }),
      Plot.ruleX([0], { stroke: "var(--soft)" }),
    ],
  });
}

function errorPanel(result: Result): Element {
  const lines = Object.entries(PEERS).flatMap(([name, { title, colour }]) =>
    Object.entries(result.traits[name]?.errors ?? {})
      .filter(([mean]) => Number(mean) > 0)
      .map(([mean, error]) => ({ title, colour, mean: Number(mean), error })),
  );
  const last = lines.filter(({ mean }) => mean === Math.max(...lines.map((point) => point.mean)));
  return Plot.plot({
    ...common,
    marginLeft: 62,
    marginRight: 172,
    marginTop: 20,
    marginBottom: 40,
    x: {
      type: "log",
      label: "mean of a row, in standard deviations",
      labelAnchor: "center",
      labelArrow: "none",
      ticks: 4,
      tickFormat: (mean: number) => mean.toLocaleString("en"),
    },
    y: {
      type: "log",
      label: null,
      domain: [1e-7, 1],
      ticks: [1e-7, 1e-5, 1e-3, 1e-1],
      tickFormat: (error: number) => error.toExponential(0),
      grid: true,
    },
    marks: [
      Plot.lineY(lines, { x: "mean", y: "error", z: "title", stroke: "colour", strokeWidth: 2.5 }),
      Plot.text(
        // Side by side, names would lie on one another: each is moved by its place among those near it.
        last.map((point) => ({ ...point, ...spread(point, last) })),
        { x: "mean", y: "shown", text: "title", textAnchor: "start", dx: 8, fill: "colour", fontWeight: 600 },
      ),
    ],
  });
}

/** Where the name of a line stands: at its end, or as far below the next higher name as a line of text is high. */
function spread(point: { error: number }, all: { error: number }[]): { shown: number } {
  const STEP = 2.4;
  let shown = Number.POSITIVE_INFINITY;
  for (const { error } of all.toSorted((a, b) => b.error - a.error)) {
    shown = Math.min(error, shown / STEP);
    if (error === point.error) break;
  }
  return { shown };
}

/** One panel at its place, under its title. */
function placed(panel: Element, x: number, title: string): string {
  const svg = panel.tagName.toLowerCase() === "svg" ? panel : (panel.querySelector("svg") as Element);
  svg.setAttribute("x", `${x}`);
  svg.setAttribute("y", "46");
  const words = `<text x="${x + 24}" y="36" font-size="15" font-weight="600" fill="var(--ink)">${title}</text>`;
  // Plot gives each of its drawings the same rules, which would be those of all documents.
  return words + svg.outerHTML;
}

/** An SVG document; undefined if what it shows was not measured. */
export function picture(result: Result): string | undefined {
  if (!result.traits.adanorm || !seriesOf(result, CASE, "adanorm layerNorm new arrays")) return undefined;
  const speed = placed(speedPanel(result), 0, "LayerNorm of 1024 rows of 768, array to array");
  const errors = placed(errorPanel(result), PANEL, "Largest error, by how far rows are from 0");
  const label = "Two charts: how long LayerNorm takes, and its largest error, in adanorm and in four others.";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${label}" font-family="system-ui, sans-serif">
${STYLE}
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="8" fill="var(--paper)" stroke="var(--edge)"/>
${speed}
${errors}
</svg>
`;
}
