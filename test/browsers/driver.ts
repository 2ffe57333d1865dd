/** What the drivers of the browsers have in common. */
import { existsSync } from "node:fs";

/** What somebody at the browser does and sees. */
export interface Hands {
  /** Makes the page so many pixels large, in one of the themes, and with less motion if asked. */
  arrange(options: { width: number; height: number; theme: "light" | "dark"; calm?: boolean }): Promise<void>;
  /** Presses a key, by its name in the DOM. */
  press(key: string): Promise<void>;
  /** Writes a PNG of what is seen, or of the whole page. */
  picture(file: string, isWhole: boolean): Promise<unknown>;
  /** The value of an expression in the page; a promise is awaited. */
  evaluate<T>(expression: string): Promise<T>;
}

/** A browser that was started, with one page. */
export interface Browser {
  version: string;
  /** Sends the page to a URL without waiting until it has loaded. */
  open(url: string): Promise<unknown>;
  /** What its page has written to the console since it was opened; undefined if the driver is not told. */
  written(): string[] | undefined;
  /** Undefined if the driver has none. */
  hands?: Hands;
  /** Rejects if the browser, or the process of its page, ends before it is closed. */
  gone: Promise<never>;
  close(): Promise<void>;
}

export interface Driver {
  name: string;
  /** The programs that it starts. */
  programs: string[];
  /** The Debian packages that have them. */
  packages: string[];
  /** Whether isolated pages have threads. */
  hasThreads: boolean;
  /** @param home a folder for all that it writes. */
  start(home: string): Promise<Browser>;
}

/** The environment of a browser that keeps to a folder. */
export const homeEnvironment = (home: string): Record<string, string> => ({
  HOME: home,
  TMPDIR: home,
  XDG_CACHE_HOME: home,
  XDG_CONFIG_HOME: home,
  XDG_DATA_HOME: home,
});

export const lacks = ({ programs }: Driver): boolean => !programs.every((program) => existsSync(program));

/** A promise that never resolves, and whose rejection needs no handler. */
export function alarm(): { raised: Promise<never>; raise: (message: string) => void } {
  let raise: (message: string) => void = () => {};
  const raised = new Promise<never>((_, reject) => {
    raise = (message) => reject(new Error(message));
  });
  raised.catch(() => {});
  return { raised, raise };
}
