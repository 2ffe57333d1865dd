/** The tables that show what was measured. */
import { BOUNDED, boundOf, QUANTITIES, type Quantity } from "./bounds.ts";
import { FAMILIES, isStored } from "./families.ts";
import type { Measurement } from "./measure.ts";
import { REDUCTIONS, type Reduced, reductionBound } from "./reductions.ts";
import type { Found } from "./search.ts";

/** The columns of the table of storages, in units in the last place, with their titles. */
const ULPS: readonly [Quantity, string][] = [
  ["sum", "sum"],
  ["z ulp", "z"],
  ["y ulp", "y"],
  ["dx ulp", "dx"],
  ["total ulp", "dx + dSum"],
  ["z any", "any z"],
  ["y any", "any y"],
  ["special", "special"],
];

/** The columns of the table of the remaining errors. */
const RESTS: readonly [Quantity, string][] = [
  ["z", "z"],
  ["y", "y"],
  ["dx", "dx"],
  ["total", "dx + dSum"],
  ["dGain", "dGain"],
  ["dBias", "dBias"],
];

function shown(value: number, quantity: Quantity): string {
  if (!Number.isFinite(value)) return "inf";
  if (value === 0) return "0";
  // One digit more if most of the error is the half unit of rounding.
  if (/ (ulp|any)$/.test(quantity) && value < 0.9995) return value.toFixed(3);
  if (value < 0.005) return "<0.01";
  if (value < 9.95) return value.toFixed(value < 0.995 ? 2 : 1);
  return value < 9999.5 ? value.toFixed(0) : value.toExponential(0).replace("+", "");
}

/** The largest error of a subject, if any measurement has the quantity. */
function furthest(measurements: readonly Measurement[], subject: "ours" | "plain", quantity: Quantity) {
  let found: { value: number; size: number } | undefined;
  for (const { size, [subject]: worst } of measurements) {
    const value = worst[quantity]?.value;
    if (value !== undefined && !(found && found.value >= value)) found = { value, size };
  }
  return found;
}

function cells(
  measurements: readonly Measurement[],
  withSize: boolean,
  quantities: readonly Quantity[] = QUANTITIES,
): string[] {
  return quantities.map((quantity) => {
    const ours = furthest(measurements, "ours", quantity);
    const plain = furthest(measurements, "plain", quantity);
    if (!ours || !plain) return "";
    const size = withSize && ours.value > 0 ? ` (${ours.size})` : "";
    return `${shown(ours.value, quantity)}${size} / ${shown(plain.value, quantity)}`;
  });
}

/** A markdown table whose columns line up in plain text too. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => (row[column] as string).length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] as number)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

function groups(measurements: readonly Measurement[], key: (one: Measurement) => string): [string, Measurement[]][] {
  const found = new Map<string, Measurement[]>();
  for (const one of measurements) found.set(key(one), [...(found.get(key(one)) ?? []), one]);
  return [...found];
}

/** The bounds of some quantities up to a length of rows. */
function bounds(quantities: readonly Quantity[], largest: number): string[] {
  return quantities.map((quantity) => {
    const small = boundOf(quantity, 1);
    const large = boundOf(quantity, largest);
    if (small === Number.POSITIVE_INFINITY) return "";
    return small === large ? `${small}` : `${small}; ${large} where H > 65536`;
  });
}

/** All tables: by family, then by size; those of storages and residuals by family and by kind. */
export function tables(measurements: readonly Measurement[]): string {
  const storedNames = new Set(FAMILIES.filter(isStored).map(({ name }) => name));
  const floats = measurements.filter(({ family }) => !storedNames.has(family));
  const stored = measurements.filter(({ family }) => storedNames.has(family));
  const largest = Math.max(...measurements.map(({ size }) => size));
  const rows = floats.filter(({ family }) => !family.startsWith("many rows"));
  const lines: string[] = [];
  if (floats.length > 0) {
    lines.push(
      "Largest error of the kernels (with its H) / of the plain two-pass f32 loop:",
      "",
      table(
        ["rows", ...QUANTITIES],
        [
          ...groups(floats, ({ family }) => family).map(([name, some]) => [name, ...cells(some, true)]),
          ["**bound**", ...bounds(QUANTITIES, largest)],
        ],
      ),
    );
  }
  if (rows.length > 0) {
    lines.push(
      "",
      "The same for each H, over all of these rows except the many:",
      "",
      table(
        ["H", ...QUANTITIES],
        groups(rows, ({ size }) => `${size}`).map(([size, some]) => [size, ...cells(some, false)]),
      ),
    );
  }
  if (stored.length > 0) {
    const part = (of: readonly [Quantity, string][], withSize: boolean, key: (one: Measurement) => string) => {
      const quantities = of.map(([quantity]) => quantity);
      const body = groups(stored, key).map(([name, some]) => [name, ...cells(some, withSize, quantities)]);
      return table(
        ["rows", ...of.map(([, name]) => name)],
        [...body, ["**bound**", ...bounds(quantities, Math.max(...stored.map(({ size }) => size)))]],
      );
    };
    lines.push(
      "",
      "Batches in 16 bits, in units in the last place of the storage; for sums, the number of elements that are not exact:",
      "",
      part(ULPS, false, ({ family }) => family),
      "",
      "These errors without half a unit in the last place, in the units of the first table:",
      "",
      part(RESTS, true, ({ family }) => family.replace(/:.*/, "")),
    );
  }
  return lines.join("\n").trim();
}

/** The results of the search: one line for each goal. */
export function searchTable(found: readonly Found[]): string {
  const rows = found.map(({ quantity, label, value, size, bound }) => {
    return [quantity, label, `${shown(value, quantity)} (${size})`, `${bound}`];
  });
  const head = ["quantity", "of", "largest found (H)", "bound"];
  return [
    "The largest errors that a climbing search finds, in the units of the first table:",
    "",
    table(head, rows),
  ].join("\n");
}

/** The errors of row reductions: one line for each size. */
export function reductionTable(reduced: readonly Reduced[]): string {
  const rows = reduced.map(({ size, worst }) => [
    `${size}`,
    ...REDUCTIONS.map((one) => shown(worst[one].value, "mean")),
  ]);
  const bounds = ["**bound**", ...REDUCTIONS.map((one) => `${reductionBound(one)}`)];
  return [
    "Row reductions, over the rows of the first table, in their units of 2^-53:",
    "",
    table(["H", ...REDUCTIONS], [...rows, bounds]),
  ].join("\n");
}

/** Everything as JSON. Numbers that are not finite are strings. */
export function json(measurements: readonly Measurement[], about: Record<string, unknown>): string {
  const bounds = measurements.map(({ family, size }) => ({
    family,
    size,
    bounds: Object.fromEntries(BOUNDED.map((quantity) => [quantity, boundOf(quantity, size)])),
  }));
  const results = measurements.map((one, i) => ({ ...one, bounds: bounds[i]?.bounds }));
  const replacer = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return `${JSON.stringify({ ...about, results }, replacer, 1)}\n`;
}
