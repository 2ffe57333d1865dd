/** The tables that show what was measured. */
import { boundOf, QUANTITIES, type Quantity } from "./bounds.ts";
import type { Measurement } from "./measure.ts";

/** What stands between the markers of a document. */

function shown(value: number): string {
  if (!Number.isFinite(value)) return "inf";
  if (value === 0) return "0";
  if (value < 0.005) return "<0.01";
  if (value < 9.95) return value.toFixed(value < 0.995 ? 2 : 1);
  return value < 9999.5 ? value.toFixed(0) : value.toExponential(0).replace("+", "");
}

/** The measurement in which a subject was furthest off, where any measured the quantity. */
function furthest(measurements: readonly Measurement[], subject: "ours" | "plain", quantity: Quantity) {
  let found: { value: number; size: number } | undefined;
  for (const { size, [subject]: worst } of measurements) {
    const value = worst[quantity]?.value;
    if (value !== undefined && !(found && found.value >= value)) found = { value, size };
  }
  return found;
}

function cells(measurements: readonly Measurement[], withSize: boolean): string[] {
  return QUANTITIES.map((quantity) => {
    const ours = furthest(measurements, "ours", quantity);
    const plain = furthest(measurements, "plain", quantity);
    if (!ours || !plain) return "";
    const size = withSize && ours.value > 0 ? ` (${ours.size})` : "";
    return `${shown(ours.value)}${size} / ${shown(plain.value)}`;
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

/** Both tables: a family a line, then a size a line. */
export function tables(measurements: readonly Measurement[]): string {
  const largest = Math.max(...measurements.map(({ size }) => size));
  const bounds = QUANTITIES.map((quantity) => {
    const small = boundOf(quantity, 1);
    const large = boundOf(quantity, largest);
    return small === large ? `${small}` : `${small}; ${large} where H > 65536`;
  });
  const byFamily = groups(measurements, ({ family }) => family);
  const rows = measurements.filter(({ family }) => !family.startsWith("many rows"));
  const bySize = groups(rows, ({ size }) => `${size}`);
  return [
    "Largest error, kernels (H where it was) / plain two-pass f32 loop:",
    "",
    table(
      ["rows", ...QUANTITIES],
      [...byFamily.map(([name, some]) => [name, ...cells(some, true)]), ["**bound**", ...bounds]],
    ),
    "",
    "The same over all of these rows but the many, for each H:",
    "",
    table(
      ["H", ...QUANTITIES],
      bySize.map(([size, some]) => [size, ...cells(some, false)]),
    ),
  ].join("\n");
}

/** Everything as JSON; what is not finite, as a string. */
export function json(measurements: readonly Measurement[], about: Record<string, unknown>): string {
  const bounds = measurements.map(({ family, size }) => ({
    family,
    size,
    bounds: Object.fromEntries(QUANTITIES.map((quantity) => [quantity, boundOf(quantity, size)])),
  }));
  const results = measurements.map((one, i) => ({ ...one, bounds: bounds[i]?.bounds }));
  const replacer = (_: string, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  return `${JSON.stringify({ ...about, results }, replacer, 1)}\n`;
}
