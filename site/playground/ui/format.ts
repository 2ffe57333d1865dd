/** Numbers for people. */

/** To three digits, with an exponent where it is very large or small. */
export function short(value: number | undefined): string {
  if (value === undefined) return "–";
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(1).replace("e+", "e");
  const digits = Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(size || 1))));
  return String(Number(value.toFixed(digits)));
}

export const percent = (share: number | undefined) => (share === undefined ? "–" : `${(100 * share).toFixed(1)} %`);

export function time(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "–";
  if (milliseconds >= 1) return `${milliseconds.toPrecision(3)} ms`;
  if (milliseconds >= 1e-3) return `${Number((milliseconds * 1e3).toPrecision(3))} µs`;
  return `${Number((milliseconds * 1e6).toPrecision(3))} ns`;
}
