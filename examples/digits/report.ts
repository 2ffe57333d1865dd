/** The report: one HTML page that needs nothing beside itself. */
import { gradientMeanChart, gradientVarianceChart, hiddenChart, lossChart, phiChart } from "./charts.ts";
import { K } from "./contenders.ts";
import { DEPTH, WIDTH } from "./network.ts";
import type { Run } from "./result.ts";
import { htmlTable, LEGEND, takeaway } from "./table.ts";

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5b6472; --rule: #dfe3e8; --paper: #fff; --grey: #c9ced6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #a3abb6; --rule: #343a43; --paper: #14171b; --grey: #4a515c; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 48px 28px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 56px 0 6px; letter-spacing: -0.005em; }
p { max-width: 74ch; margin: 0 0 14px; }
.lead { font-size: 18px; color: var(--soft); margin-bottom: 24px; }
dl { display: grid; grid-template-columns: repeat(4, auto); gap: 2px 28px; justify-content: start; margin: 0 0 8px; font-size: 14px; }
dl div { display: contents; }
dt { color: var(--soft); }
dd { margin: 0; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; white-space: nowrap; margin: 12px 0; }
th, td { padding: 5px 7px; text-align: right; }
th { font-weight: 500; color: var(--soft); }
thead tr:first-child th { text-align: center; padding-bottom: 0; color: var(--ink); }
tbody tr { border-top: 1px solid var(--rule); }
td:first-child, thead tr:last-child th:first-child { text-align: left; padding-left: 0; font-weight: 600; }
.notes { list-style: none; padding: 0; margin: 0; font-size: 13.5px; color: var(--soft); max-width: 92ch; }
.notes li { margin: 0 0 3px; }
figure { margin: 14px 0 0; }
[class$="-swatches-wrap"] { font-size: 13px; }
svg { display: block; max-width: 100%; height: auto; }
.narrow { display: none; }
@media (max-width: 700px) {
  main { padding: 28px 20px 56px; }
  h1 { font-size: 25px; }
  h2 { margin-top: 44px; }
  dl { grid-template-columns: auto auto; }
  .wide { display: none; }
  .narrow { display: block; }
}
`;

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

function facts(entries: readonly (readonly [string, string])[]): string {
  return `<dl>${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`).join("")}</dl>`;
}

function section(title: string, text: string, chart: string): string {
  return `<section><h2>${title}</h2><p>${text}</p><figure>${chart}</figure></section>`;
}

/**
 * The page.
 *
 * @param digits the pictures of digits before and after each norm.
 */
export function reportPage(run: Run, digits: string): string {
  const { settings, machine, results, testDigits } = run;
  const count = (value: number) => value.toLocaleString("en");
  const accuracies = results.flatMap(({ accuracy }) => accuracy ?? []);
  const typical = accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / accuracies.length;
  const deviation = (100 * Math.sqrt((typical * (1 - typical)) / testDigits)).toFixed(2);
  const z = results.find(({ name }) => name === "adaNorm")?.norm?.last.z ?? new Float64Array();
  const beyond = z.reduce((sum, value) => sum + (value > 1 / K ? 1 : 0), 0);

  const body = [
    "<h1>Five norms on handwritten digits</h1>",
    `<p class="lead">The same classifier of ${DEPTH} hidden layers, trained six times by gradient descent from the same weights on
    the same batches; only the norm differs. Each layer after the first adds a dense product of ${WIDTH} rectified elements to
    them, and the norm stands behind the sum.</p>`,
    `<p><strong>${escaped(takeaway(results))}</strong></p>`,
    facts([
      ["training digits", count(settings.train)],
      ["processor", machine.cpu],
      ["epochs", String(settings.epochs)],
      ["Node.js", machine.node],
      ["batch", String(settings.batch)],
      ["kernels", machine.simd],
      ["learning rate", `${settings.learningRate}, falling to 0`],
      ["date", `${machine.date} UTC`],
      ["seed", String(settings.seed)],
      ["test digits", count(testDigits)],
    ]),
    `<h2>Results on the test digits</h2>
    <p>This is one run with one seed. The choice of test digits alone gives the accuracies a standard error of ${deviation}
    percentage points, so small differences between them mean nothing.</p>
    <div class="scroll">${htmlTable(results)}</div>
    <ul class="notes">${LEGEND.map((line) => `<li>${escaped(line)}</li>`).join("")}</ul>`,
    section("Training", "The loss of each batch before its step, averaged over the batches around it.", lossChart(run)),
    section(
      "A digit, normalised",
      `The 784 pixels of a digit as one row, before and after each norm (no gain, no bias). The first three norms are
      the same function in forward and differ in backward. adaNorm damps large elements. rmsNorm leaves the paper at 0.`,
      digits,
    ),
    section(
      "The hidden layer",
      `The last one, all ${count(testDigits)} rows of ${WIDTH}: z is the normalised row, and y is the result of the norm, after
      gain and bias or φ.`,
      hiddenChart(run),
    ),
    section(
      "adaNorm’s φ",
      `φ(z) = C (1 − k z), over the values of z in the last hidden layer. It is negative only if z is more than
      ${1 / K}: for ${count(beyond)} of ${count(z.length)} elements.`,
      phiChart(z),
    ),
    section(
      "Mean of the gradient",
      `Each point is a row of a hidden layer, and dz = dL/dz is its gradient from above. The paper proves that the mean of dL/dx is 0, or
      mean(dz)/σ if the mean is detached: the thin lines. It proves nothing about rmsNorm.`,
      gradientMeanChart(run),
    ),
    section(
      "Variance of the gradient",
      `All rows of all hidden layers. The paper proves that the variance of dL/dx is at most var(dz)/σ², and exactly that if σ is detached: nothing
      lies to the right of the thin lines, and all of detachNorm lies on them. It proves nothing about rmsNorm.`,
      gradientVarianceChart(run),
    ),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>adanorm: five norms on handwritten digits</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.join("\n")}
</main>
</body>
</html>
`;
}
