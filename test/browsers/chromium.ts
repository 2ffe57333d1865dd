import type { Driver } from "./driver.ts";
import { startWithPlaywright } from "./playwright.ts";

const PROGRAM = "/usr/bin/chromium";

export const chromium: Driver = {
  name: "Chromium",
  programs: [PROGRAM],
  packages: ["chromium"],
  start: (home) =>
    startWithPlaywright("chromium", home, {
      executablePath: PROGRAM,
      // Its sandbox does not start as root; and nothing but the test server is to be asked for anything.
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    }),
};
