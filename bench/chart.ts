/** The forward passes as a chart: nanoseconds an element, by size and peer. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { SIZES } from "./cases.ts";
import { about } from "./report.ts";
import { median, type Result, seriesOf } from "./result.ts";

/** From the title in the chart to the series, without the norm. */
const PEERS: Record<string, { series: (norm: string) => string; colour: string }> = {
  "memory.copy": { series: () => "copy", colour: "#8a8f98" },
  adanorm: { series: (norm) => `adanorm ${norm}`, colour: "#3566c8" },
  "adanorm, arrays": { series: (norm) => `adanorm ${norm} arrays`, colour: "#8fb0ea" },
  "native C": { series: (norm) => `native ${norm}`, colour: "#222831" },
  "onnxruntime-node (kernel)": { series: () => "onnxruntime-node layerNorm", colour: "#2f9e6e" },
  "onnxruntime-web (kernel)": { series: () => "onnxruntime-web layerNorm", colour: "#9350d8" },
  "TensorFlow.js (wasm)": { series: (norm) => `tfjs ${norm}`, colour: "#d99a00" },
  "plain loops, tuned": { series: (norm) => `tuned ${norm}`, colour: "#f0948a" },
  "plain loops": { series: (norm) => `plain ${norm}`, colour: "#e0523f" },
};

const NORMS = ["layerNorm", "adaNorm"];

/** Two significant digits. */
const figures = (value: number) => (value >= 100 ? value.toFixed(0) : value.toPrecision(2));

/** What is too long for one line: the machine and the engines, and below them the versions. */
const lines = (about: string) => about.replace(/^([^;]*;[^;]*;) /, "$1\n");

interface Point {
  peer: string;
  norm: string;
  shape: string;
  ns: number;
}

function points(result: Result): Point[] {
  return SIZES.flatMap(([rows, size]) =>
    NORMS.flatMap((norm) =>
      Object.entries(PEERS).flatMap(([peer, { series }]) => {
        const ns = seriesOf(result, `forward ${rows}x${size}`, series(norm));
        return ns ? [{ peer, norm, shape: `${rows} x ${size}`, ns: median(ns) / (rows * size) }] : [];
      }),
    ),
  );
}

/** An SVG document; undefined if no forward pass was measured. */
export function chart(result: Result): string | undefined {
  const data = points(result);
  if (data.length === 0) return undefined;
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const shapes = [...new Set(data.map(({ shape }) => shape))];
  // The times of kernels are differences: noise can make them 0 or negative, which has no logarithm.
  const shown = data.filter(({ ns }) => ns > 0);
  const ns = shown.map((point) => point.ns);
  const place = { fx: "norm", fy: "shape", y: "peer" };
  const figure = Plot.plot({
    document,
    width: 1000,
    height: 130 + 165 * shapes.length,
    marginLeft: 180,
    marginRight: 90,
    marginTop: 40,
    marginBottom: 95,
    style: { fontSize: "12px", fontFamily: "sans-serif", background: "white" },
    color: { domain: Object.keys(PEERS), range: Object.values(PEERS).map(({ colour }) => colour) },
    fx: { label: null, domain: NORMS, padding: 0.05 },
    fy: { label: null, domain: shapes, padding: 0.18 },
    x: {
      type: "log",
      // Room for the numbers beside the last points.
      domain: [Math.min(...ns) / 1.5, Math.max(...ns) * 4],
      label: "forward, ns an element (logarithmic; less is better) →",
      labelOffset: 40,
      tickFormat: "~g",
      ticks: 5,
      grid: true,
    },
    y: { label: null, domain: Object.keys(PEERS) },
    marks: [
      Plot.ruleY(shown, { ...place, x1: Math.min(...ns) / 1.5, x2: "ns", stroke: "#dcdfe4" }),
      Plot.dot(shown, { ...place, x: "ns", fill: "peer", r: 5 }),
      Plot.text(shown, { ...place, x: "ns", text: (point: Point) => figures(point.ns), textAnchor: "start", dx: 9 }),
      Plot.text([`ONNX has no adaNorm: its layerNorm stands in both columns.\n${lines(about(result))}`], {
        facet: "super",
        frameAnchor: "bottom-left",
        lineAnchor: "top",
        dx: -170,
        dy: 62,
        fontSize: 10,
        fill: "#555",
      }),
    ],
  });
  const svg = figure.tagName.toLowerCase() === "svg" ? figure : figure.querySelector("svg");
  // A page needs no namespace, but a separate file does.
  svg?.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${svg?.outerHTML}\n`;
}
