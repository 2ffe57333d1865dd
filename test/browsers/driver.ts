/** What the drivers of the browsers have in common. */
import { existsSync } from "node:fs";

/** A browser that was started, with one page. */
export interface Browser {
  version: string;
  /** Sends the page to a URL without waiting until it has loaded. */
  open(url: string): Promise<unknown>;
  /** What its page has written to the console since it was opened; undefined if the driver is not told. */
  written(): string[] | undefined;
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
