/** A worker: runs the checks, with a module that the page compiled. */
import type { Compiled } from "./checks.ts";
import { tell } from "./tell.ts";

addEventListener(
  "message",
  ({ data }: MessageEvent<{ module: WebAssembly.Module } | { error: string }>) => {
    const given: Compiled = async () => {
      if ("error" in data) throw new Error(`on the page: ${data.error}`);
      return data.module;
    };
    tell(import("./checks.ts").then(({ check }) => check(given)));
  },
  { once: true },
);
