/** Digits as small pictures, before and after each norm: their 784 pixels normalised as one row. */
import * as Plot from "@observablehq/plot";
import type { Kernels } from "adanorm";
import { PNG } from "pngjs";
import { draw } from "./charts.ts";
import { NORMS } from "./contenders.ts";
import { type Digits, PIXELS, SIDE } from "./digits.ts";

/** The first test digits, so many of them. */
const COUNT = 5;
const ORIGINAL = "pixels";

/** A number in [0, 1] as red, green and blue. */
type Palette = (value: number) => readonly [number, number, number];

/** The picture as a data URI. The values are spread over the palette from `low` to `high`. */
function picture(values: ArrayLike<number>, low: number, high: number, palette: Palette): string {
  const png = new PNG({ width: SIDE, height: SIDE });
  for (let i = 0; i < PIXELS; i++) {
    png.data.set([...palette(((values[i] as number) - low) / (high - low)), 255], 4 * i);
  }
  return `data:image/png;base64,${PNG.sync.write(png).toString("base64")}`;
}

const grey: Palette = (value) => {
  const level = Math.round(255 * (1 - value));
  return [level, level, level];
};

/** Red below 0, white at 0, blue above: Plot's own scale, so that the key and the pictures agree. */
function diverging(limit: number): { options: Plot.ScaleOptions; palette: Palette } {
  const options: Plot.ScaleOptions = { type: "diverging", scheme: "RdBu", domain: [-limit, limit] };
  const scale = Plot.scale({ color: options });
  const palette: Palette = (value) => {
    const css = String(scale?.apply((2 * value - 1) * limit));
    const [red = 0, green = 0, blue = 0] = (css.match(/\d+/g) ?? []).map(Number);
    return [red, green, blue];
  };
  return { options, palette };
}

/** The pictures and the key to their colours. */
export function digitCharts(kernels: Kernels, digits: Digits): string {
  const original = Float32Array.from(digits.pixels.subarray(0, COUNT * PIXELS), (ink) => ink / 255);
  const outputs = NORMS.map((choice) => ({ name: choice.name, y: choice.make(kernels, PIXELS).forward(original).y }));
  const limit = Math.ceil(
    Math.max(...outputs.map(({ y }) => y.reduce((most, value) => Math.max(most, Math.abs(value)), 0))),
  );
  const { options, palette } = diverging(limit);
  const images = Array.from({ length: COUNT }, (_, row) => {
    const part = (values: Float32Array) => values.subarray(row * PIXELS, (row + 1) * PIXELS);
    const digit = `“${digits.labels[row]}”`;
    return [
      { digit, norm: ORIGINAL, source: picture(part(original), 0, 1, grey) },
      ...outputs.map(({ name, y }) => ({ digit, norm: name, source: picture(part(y), -limit, limit, palette) })),
    ];
  }).flat();
  const names = [ORIGINAL, ...outputs.map(({ name }) => name)];
  const labels = [...new Set(images.map(({ digit }) => digit))];
  const pictures = draw(
    "Digits as pixels, and after each norm: what is above the mean in blue, below in red.",
    (layout) => {
      const wide = layout === "wide";
      const side = wide ? 104 : 44;
      const byNorm: Plot.ScaleOptions = { label: null, domain: names, padding: 0.06 };
      const byDigit: Plot.ScaleOptions = { label: null, domain: labels, padding: 0.06 };
      const place = wide ? { fx: "norm", fy: "digit" } : { fx: "digit", fy: "norm" };
      return {
        ...(wide && { width: 840 }),
        height: wide ? COUNT * 112 + 40 : names.length * 50 + 40,
        marginLeft: wide ? 40 : 116,
        marginBottom: 6,
        fx: wide ? byNorm : byDigit,
        fy: wide ? byDigit : byNorm,
        marks: [
          Plot.axisFx({ anchor: "top", fontSize: wide ? 12 : 15 }),
          Plot.axisFy({ anchor: "left", fontSize: wide ? 15 : 12 }),
          Plot.image(images, {
            ...place,
            src: "source",
            frameAnchor: "middle",
            width: side,
            height: side,
            imageRendering: "pixelated",
          }),
        ],
      };
    },
  );
  const steps = Array.from({ length: 120 }, (_, i) => limit * ((2 * i) / 120 - 1));
  const key = draw(`The key to the colours, from ${-limit} to ${limit}.`, (layout) => ({
    ...(layout === "wide" && { width: 420 }),
    height: 62,
    marginTop: 4,
    marginLeft: 40,
    marginRight: 16,
    color: options,
    x: { label: "normalised pixel (no unit; palest at 0)", labelAnchor: "center", labelArrow: "none" },
    y: { axis: null },
    marks: [
      Plot.rect(steps, {
        x1: (at: number) => at,
        x2: (at: number) => at + limit / 50,
        y1: 0,
        y2: 1,
        fill: (at: number) => at + limit / 120,
      }),
    ],
  }));
  return pictures + key;
}
