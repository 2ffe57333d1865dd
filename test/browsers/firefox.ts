import type { Driver } from "./driver.ts";
import { startWithPlaywright } from "./playwright.ts";

const PROGRAM = "/usr/bin/firefox-esr";

export const firefox: Driver = {
  name: "Firefox",
  programs: [PROGRAM],
  packages: ["firefox-esr"],
  // The channel has Playwright speak WebDriver BiDi, as stock Firefox does; otherwise it wants a build of its own.
  start: (home) => startWithPlaywright("firefox", home, { executablePath: PROGRAM, channel: "moz-firefox" }),
};
