import { load } from "adanorm";
import * as reference from "adanorm/reference";
import { drawCurve, drawHistogram, format } from "./chart.js";
import { onePass, twoPass } from "./plain.js";
import { race } from "./race.js";

/** The value of a slider at a position, if that is not the position itself. */
const VALUES = {
  // Shifts make integers. To the engine a power is a double, and indices computed from a double slow every loop down.
  rows: (position) => 1 << position,
  // 16, 24, 32, 48, ... 2048: powers of two and what lies halfway between
  size: (position) => (position % 2 === 0 ? 4 : 6) << (position >> 1),
  mean: (position) => (position < 0 ? 0 : Number((10 ** (position / 4)).toPrecision(2))),
  sigma: (position) => Number((10 ** (position / 4)).toPrecision(2)),
};

const $ = (id) => document.getElementById(id);
const controls = $("controls");
const sliders = [...controls.querySelectorAll("input")];

function readSettings() {
  const settings = {};
  for (const slider of sliders) {
    const value = (VALUES[slider.id] ?? Number)(slider.valueAsNumber);
    settings[slider.id] = value;
    const text = format(value);
    controls.querySelector(`output[for="${slider.id}"]`).value = text;
    slider.setAttribute("aria-valuetext", text);
  }
  return settings;
}

let seed = 1;
let deviates = new Float64Array(0);

/** Standard normal deviates, the same for the same seed; the first of a larger number are those of a smaller. */
function normal(count) {
  if (deviates.length >= count) return deviates;
  deviates = new Float64Array(count);
  let state = seed;
  const uniform = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    deviates[i] = radius * Math.cos(angle);
    if (i + 1 < count) deviates[i + 1] = radius * Math.sin(angle);
  }
  return deviates;
}

/** Writes the activations into x: normal deviates, and one outlier in each row. */
function fill(x, { size, mean, sigma, outlier }) {
  const numbers = normal(x.length);
  for (let i = 0; i < x.length; i++) x[i] = mean + sigma * numbers[i];
  if (outlier > 0) for (let i = 0; i < x.length; i += size) x[i] = mean + sigma * outlier;
}

/** The three matrices of the page, in the kernels' memory: new ones when the shape changes. */
let batch;

function batchOf(kernels, { rows, size }) {
  if (batch?.x.rows === rows && batch.x.cols === size) return batch;
  for (const matrix of Object.values(batch ?? {})) matrix.free();
  batch = { x: kernels.matrix(rows, size), z: kernels.matrix(rows, size), y: kernels.matrix(rows, size) };
  return batch;
}

/** Some room on both sides, also for a batch of one value. */
function padded(low, high) {
  const room = (high - low) * 0.03 || Math.max(0.5, Math.abs(low) * 1e-3);
  return [low - room, high + room];
}

/** Runs both norms and draws what came of them. */
function show(kernels, settings) {
  const { size, scale, k } = settings;
  const { x, z, y } = batchOf(kernels, settings);
  fill(x.data, settings);
  kernels.layerNormSimple({ size }).forward(x, { out: z });
  kernels.adaNorm({ size, scale, k }).forward(x, { out: y });

  // The whole batch as one row: its extremes and moments are a reduction away.
  const whole = kernels.rows(x.rows * x.cols);
  const summaries = [x, z, y].map(({ data }) => {
    const { mean, variance } = whole.moments(data);
    return { low: whole.min(data)[0], high: whole.max(data)[0], mean: mean[0], std: Math.sqrt(variance[0]) };
  });
  const [ofX, ofZ, ofY] = summaries;
  const shared = padded(Math.min(ofZ.low, ofY.low), Math.max(ofZ.high, ofY.high));
  const charts = [
    ["chart-x", x, padded(ofX.low, ofX.high), ofX],
    ["chart-z", z, shared, ofZ],
    ["chart-y", y, shared, ofY],
  ];
  for (const [id, matrix, range, { low, high, mean, std }] of charts) {
    const spread = high - low;
    const [m, s, l, h] = [format(mean, spread), format(std), format(low, spread), format(high, spread)];
    drawHistogram($(id), matrix.data, range, `Histogram: mean ${m}, standard deviation ${s}, from ${l} to ${h}`);
    $(id).nextElementSibling.innerHTML = `<span>mean ${m}, std ${s}</span> <span>${l} to ${h}</span>`;
  }
  const adaNorm = (value) => scale * (1 - k * value) * value;
  const domain = padded(Math.min(-4, ofZ.low), Math.max(4, ofZ.high));
  const turn = k > 0 ? `largest at z = 1/2k = ${format(1 / (2 * k))}` : "k = 0: y is C z";
  drawCurve($("chart-curve"), adaNorm, domain, [ofZ.low, ofZ.high], `Curve of y against z: ${turn}`);
  $("chart-curve").nextElementSibling.innerHTML = `<span>${turn}</span> <span>dashed: y = z</span>`;
}

/** The largest |result - exact| / max(1, |exact|), NaN if any result is. */
function largestError(results, exact) {
  let largest = 0;
  for (let i = 0; i < results.length; i++) {
    const error = Math.abs(results[i] - exact[i]) / Math.max(1, Math.abs(exact[i]));
    if (!(error <= largest)) largest = error;
    if (Number.isNaN(largest)) break;
  }
  return largest;
}

const CONTENDERS = { adanorm: "adanorm", twoPass: "Loop in f64", onePass: "Loop in f32" };
const NORMS = { layerNormSimple: "LayerNorm", adaNorm: "AdaNorm" };

/** Times every way to compute both norms, takes the errors, and fills the tables; stops when the settings have changed. */
async function measure(kernels, settings, isCurrent) {
  const { rows, size, scale, k } = settings;
  const input = batch.x.toArray();
  const output = new Float32Array(input.length);
  // Separate matrices: those of the page are freed when somebody moves a slider.
  const x = kernels.matrix(input, size);
  const result = kernels.matrix(rows, size);
  try {
    for (const norm of Object.keys(NORMS)) {
      const exact = reference.forward(norm, input, { size, scale, k }).y;
      const ours = norm === "adaNorm" ? kernels.adaNorm({ size, scale, k }) : kernels.layerNormSimple({ size });
      const functions = [
        () => ours.forward(x, { out: result }),
        () => twoPass[norm](input, output, size, scale, k),
        () => onePass[norm](input, output, size, scale, k),
      ];
      const errors = functions.map((call, index) => {
        call();
        return largestError(index === 0 ? result.data : output, exact);
      });
      for await (const times of race(functions)) {
        if (!isCurrent()) return;
        fillTable(norm, times, errors);
      }
    }
  } finally {
    x.free();
    result.free();
  }
}

function makeTables() {
  for (const [norm, title] of Object.entries(NORMS)) {
    const rows = Object.entries(CONTENDERS).map(
      ([name, words]) => `<tr class="${name}"><th scope="row">${words}</th><td></td><td></td><td></td></tr>`,
    );
    const heads = ["Time", "Speed", "Largest error"].map((head) => `<th scope="col">${head}</th>`);
    $("results").insertAdjacentHTML(
      "beforeend",
      `<table id="table-${norm}">
        <thead><tr><th scope="col">${title}</th>${heads.join("")}</tr></thead>
        <tbody>${rows.join("")}</tbody>
      </table>`,
    );
  }
}

function formatTime(milliseconds) {
  if (milliseconds >= 1) return `${milliseconds.toPrecision(3)} ms`;
  if (milliseconds >= 1e-3) return `${Number((milliseconds * 1e3).toPrecision(3))} \u00b5s`;
  return `${Number((milliseconds * 1e6).toPrecision(3))} ns`;
}

function fillTable(norm, times, errors) {
  const [, loop] = times;
  times.forEach((time, index) => {
    const [timeCell, speedCell, errorCell] = $(`table-${norm}`).tBodies[0].rows[index].querySelectorAll("td");
    timeCell.textContent = formatTime(time);
    speedCell.textContent = `${(loop / time).toFixed(1)}\u00d7`;
    errorCell.textContent = format(errors[index]);
    // A result that has lost half of f32's digits gets a mark.
    errorCell.className = errors[index] < 1e-4 ? "" : "bad";
  });
}

async function main() {
  const kernels = await load();
  makeTables();

  let version = 0;
  let timer;
  const update = () => {
    const settings = readSettings();
    const mine = ++version;
    show(kernels, settings);
    $("status").textContent = "Measuring\u2026";
    document.body.classList.add("measuring");
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await measure(kernels, settings, () => mine === version);
      if (mine !== version) return;
      document.body.classList.remove("measuring");
      $("status").textContent = `Forward of ${settings.rows} \u00d7 ${settings.size} elements`;
    }, 300);
  };

  controls.addEventListener("input", update);
  // The sliders are set back after the event.
  controls.addEventListener("reset", () => setTimeout(update));
  controls.addEventListener("submit", (event) => event.preventDefault());
  $("redraw").addEventListener("click", () => {
    seed += 1;
    deviates = new Float64Array(0);
    update();
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) show(kernels, readSettings());
    width = innerWidth;
  });
  update();
}

main().catch((error) => {
  $("status").setAttribute("role", "alert");
  $("status").textContent = `This browser cannot run the kernels: ${error.message}`;
  throw error;
});
