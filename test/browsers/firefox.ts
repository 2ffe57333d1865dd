import type { Driver } from "./driver.ts";
import { startWithPlaywright } from "./playwright.ts";

const PROGRAM = "/usr/bin/firefox-esr";

export const firefox: Driver = {
  name: "Firefox",
  programs: [PROGRAM],
  packages: ["firefox-esr"],
  // With this channel Playwright speaks WebDriver BiDi, as an unmodified Firefox does. Otherwise it needs its own build
  // of Firefox.
  start: (home) => startWithPlaywright("firefox", home, { executablePath: PROGRAM, channel: "moz-firefox" }),
};
