/** The state of the page is in its address, so that a link shows what its sender saw. */
import { reactive, watch } from "vue";

/** How a value is written in the address. `read` gives undefined for a text that is not such a value. */
export interface Codec<T> {
  read(text: string): T | undefined;
  write(value: T): string;
}

export const numberFrom = (low: number, high: number, isInteger = false): Codec<number> => ({
  read(text) {
    const value = Number(text);
    const isValid = text !== "" && value >= low && value <= high && (!isInteger || Number.isInteger(value));
    return isValid ? value : undefined;
  },
  write: String,
});

export const integerFrom = (low: number, high: number): Codec<number> => numberFrom(low, high, true);

export const oneOf = <T extends string | number>(values: readonly T[]): Codec<T> => ({
  read: (text) => values.find((value) => String(value) === text),
  write: String,
});

export const anyText = (longest: number): Codec<string> => ({
  read: (text) => (text.length <= longest ? text : undefined),
  write: String,
});

/** Some of the values, each once, in their order. */
export const someOf = <T extends string>(values: readonly T[]): Codec<T[]> => ({
  read(text) {
    const named = text.split(",").filter((name) => name !== "");
    const found = values.filter((value) => named.includes(value));
    return found.length === named.length ? found : undefined;
  },
  write: (chosen) => chosen.join(","),
});

type Fields = Record<string, [initial: unknown, codec: Codec<never>]>;
type Values<F> = { -readonly [Name in keyof F]: F[Name] extends [infer T, unknown] ? T : never };

/** A field: its value in an address that does not name it, and how it is written. */
export const field = <T>(initial: T, codec: Codec<T>) => [initial, codec] as [T, Codec<never>];

const WRITE_AFTER_MILLISECONDS = 250;
let timer: ReturnType<typeof setTimeout> | undefined;
/** What each part of the state writes: names of parameters, and undefined for what has its initial value. */
const parts = new Map<string, () => [name: string, text: string | undefined][]>();

/** Writes the address now. */
export function writeAddress(): void {
  clearTimeout(timer);
  const url = new URL(location.href);
  for (const [name, text] of [...parts.values()].flatMap((write) => write())) {
    if (text === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, text);
  }
  // Commas and colons need no escapes in a query, and a link is easier to read without them.
  url.search = url.search.replaceAll("%2C", ",").replaceAll("%3A", ":");
  // VitePress keeps the place of the page in the state.
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

/**
 * State that is read from the address, and written there when it changes.
 *
 * @param part stands before the names of its parameters.
 */
export function addressed<F extends Fields>(part: string, fields: F): Values<F> {
  const asked = new URLSearchParams(location.search);
  const nameOf = (key: string) => (part ? `${part}.${key}` : key);
  const initial = Object.entries(fields).map(([key, [value, codec]]) => {
    const text = asked.get(nameOf(key));
    return [key, (text === null ? undefined : codec.read(text)) ?? value];
  });
  const state = reactive(Object.fromEntries(initial)) as Record<string, unknown>;
  parts.set(part, () =>
    Object.entries(fields).map(([key, [value, codec]]) => {
      const write = codec.write as (value: unknown) => string;
      const text = write(state[key]);
      return [nameOf(key), text === write(value) ? undefined : text];
    }),
  );
  watch(
    state,
    () => {
      clearTimeout(timer);
      timer = setTimeout(writeAddress, WRITE_AFTER_MILLISECONDS);
    },
    { deep: true },
  );
  return state as Values<F>;
}
