/** Histograms and a curve, drawn as SVG at the size that the page gives them. The style sheet has the colours. */

const MARGIN = { left: 34, right: 10, top: 8, bottom: 18 };

/**
 * A number as short as it can be read: an integer as it is, others to three digits, or to those that matter where numbers
 * lie `spread` apart; what is very large or small with its exponent.
 */
export function format(value, spread = Math.abs(value)) {
  if (Number.isNaN(value)) return "NaN";
  const digits = Math.max(0, Math.min(12, 2 - Math.floor(Math.log10(spread || 1))));
  // Adding 0 makes 0 of -0.
  const rounded = Number.isInteger(value) ? value : Number(value.toFixed(digits)) + 0;
  const size = Math.abs(rounded);
  const plain = size === 0 || (size >= 1e-3 && size < 1e7);
  const text = plain ? rounded.toLocaleString("en", { maximumFractionDigits: 12 }) : value.toExponential(1);
  return text.replace("e+", "e").replaceAll("-", "\u2212");
}

/** Round numbers between two others, some `count` of them. */
function ticks([low, high], count) {
  const step = 10 ** Math.floor(Math.log10((high - low) / count));
  const by = [1, 2, 5, 10].map((factor) => factor * step).find((candidate) => (high - low) / candidate <= count);
  const first = Math.ceil(low / by);
  return Array.from({ length: Math.floor(high / by) - first + 1 }, (_, i) => (first + i) * by);
}

function scales(svg, [left, right], [bottom, top]) {
  const { width, height } = svg.getBoundingClientRect();
  const [innerWidth, innerHeight] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  return {
    width,
    height,
    x: (value) => MARGIN.left + ((value - left) / (right - left)) * innerWidth,
    y: (value) => MARGIN.top + (1 - (value - bottom) / (top - bottom)) * innerHeight,
  };
}

/** As many round numbers as fit along the bottom. */
function ticksAlong({ width }, range) {
  const letters = Math.max(...range.map((end) => format(end, (range[1] - range[0]) * 10).length));
  return ticks(range, Math.max(2, width / (letters * 7 + 30)));
}

/** Lines and labels for round numbers of both axes. */
function axes({ width, height, x, y }, horizontal, vertical) {
  const step = horizontal[1] - horizontal[0];
  const across = vertical.map(
    ([at, label]) =>
      `<path class="grid" d="M${MARGIN.left} ${y(at)}H${width - MARGIN.right}"/>` +
      `<text x="${MARGIN.left - 5}" y="${y(at)}" dy="0.32em" text-anchor="end">${label}</text>`,
  );
  const along = horizontal.map((at) => {
    const label = format(at, step * 10);
    // A long label at the end stays inside.
    const middle = Math.min(x(at), width - label.length * 3.2);
    return (
      `<path class="tick" d="M${x(at)} ${height - MARGIN.bottom}v4"/>` +
      `<text x="${middle}" y="${height - 4}" text-anchor="middle">${label}</text>`
    );
  });
  return [
    ...across,
    `<path class="axis" d="M${MARGIN.left} ${height - MARGIN.bottom}H${width - MARGIN.right}"/>`,
    ...along,
  ];
}

/** How many of the values are in each of `bins` equal parts of the range. */
function countBins(values, [low, high], bins) {
  const counts = new Uint32Array(bins);
  const perUnit = bins / (high - low);
  for (const value of values) {
    const bin = Math.floor((value - low) * perUnit);
    counts[bin < 0 ? 0 : bin >= bins ? bins - 1 : bin]++;
  }
  return counts;
}

/** The scale of counts is logarithmic, so that a single outlier among many values is visible. */
export function drawHistogram(svg, values, range, label) {
  const height = (count) => Math.log10(count + 1);
  const bins = Math.max(24, Math.min(96, Math.round(svg.getBoundingClientRect().width / 5)));
  const counts = countBins(values, range, bins);
  const most = Math.max(1, ...counts);
  const scale = scales(svg, range, [0, height(most) * 1.04]);
  const powers = [];
  for (let count = 1; count <= most; count *= 10)
    powers.push([height(count), count >= 1000 ? `${count / 1000}k` : count]);
  const bars = Array.from(counts, (count, bin) => {
    if (count === 0) return "";
    const [from, to] = [bin, bin + 1].map((edge) => scale.x(range[0] + ((range[1] - range[0]) * edge) / bins));
    return `M${from + 0.5} ${scale.y(0)}V${scale.y(height(count))}H${to - 0.5}V${scale.y(0)}Z`;
  });
  svg.innerHTML = [...axes(scale, ticksAlong(scale, range), powers), `<path class="bars" d="${bars.join("")}"/>`].join(
    "",
  );
  svg.setAttribute("aria-label", label);
}

/** f over the domain, beside the identity; the part over `occurring` stands out. */
export function drawCurve(svg, f, domain, occurring, label) {
  const at = (from, to) => Array.from({ length: 101 }, (_, i) => from + ((to - from) * i) / 100);
  const values = at(...domain).map(f);
  const range = [Math.min(...values, domain[0]), Math.max(...values, domain[1])];
  const scale = scales(svg, domain, range);
  const path = (from, to) =>
    `M${at(from, to)
      .map((y) => `${scale.x(y)} ${scale.y(f(y))}`)
      .join("L")}`;
  const vertical = ticks(range, scale.height / 32).map((tick) => [tick, format(tick)]);
  const [low, high] = occurring;
  svg.innerHTML = [
    ...axes(scale, ticksAlong(scale, domain), vertical),
    `<path class="identity" d="M${scale.x(domain[0])} ${scale.y(domain[0])}L${scale.x(domain[1])} ${scale.y(domain[1])}"/>`,
    `<path class="faint" d="${path(...domain)}"/>`,
    `<path class="line" d="${path(low, high)}"/>`,
    ...occurring.map((y) => `<circle cx="${scale.x(y)}" cy="${scale.y(f(y))}" r="3.5"/>`),
  ].join("");
  svg.setAttribute("aria-label", label);
}
