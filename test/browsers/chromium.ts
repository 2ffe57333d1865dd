import type { Driver } from "./driver.ts";
import { startWithPlaywright } from "./playwright.ts";

const PROGRAM = "/usr/bin/chromium";

export const chromium: Driver = {
  name: "Chromium",
  programs: [PROGRAM],
  hasThreads: true,
  packages: ["chromium"],
  start: (home) =>
    startWithPlaywright("chromium", home, {
      executablePath: PROGRAM,
      // Chromium's sandbox does not start as root. Chromium must send requests to the test server only.
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
