/** Checks the options of ops and the arguments of layers that say what a norm computes. */
import { checkInteger, rangeError } from "../checks.js";
import { type AnyName, type Given, SETTINGS, type Settings, settingsOf } from "../options.js";

/** The names of the options of ops. */
export const OP_OPTIONS: ReadonlySet<string> = new Set([...SETTINGS, "axes", "gain", "bias"]);

/** Those of groupNorm and instanceNorm. */
export const INSTANCE_OP_OPTIONS: ReadonlySet<string> = new Set([...SETTINGS, "axis", "gain", "bias"]);
export const GROUP_OP_OPTIONS: ReadonlySet<string> = new Set(["groups", ...INSTANCE_OP_OPTIONS]);

/** The same as {@link settingsOf}, but null counts as not given: saved models have it. */
export function savedSettingsOf(call: string, name: AnyName, options: Given, epsName?: string): Settings<AnyName> {
  const given = SETTINGS.map((option) => [option, options[option] ?? undefined]);
  return settingsOf(call, name, Object.fromEntries(given), epsName);
}

/** Checks the number of axes that are normalised. */
export function checkAxes(call: string, axes: unknown, rank: number): number {
  checkInteger(call, "axes", axes, 1);
  if ((axes as number) > rank) throw rangeError(call, "axes", `at most the rank of x, ${rank}`, axes);
  return axes as number;
}
