import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { alarm, type Browser, type Driver, homeEnvironment } from "./driver.ts";
import { startWithPlaywright } from "./playwright.ts";
import { Program } from "./program.ts";

const PROGRAM = "/usr/bin/firefox-esr";

const COMMON = { name: "Firefox", programs: [PROGRAM], packages: ["firefox-esr"], hasThreads: true };

/** Keeps Firefox from asking the network for anything but the page. */
const PREFERENCES: Record<string, unknown> = {
  "app.normandy.enabled": false,
  "app.update.auto": false,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "toolkit.telemetry.enabled": false,
};

export const firefox: Driver = {
  ...COMMON,
  // With this channel Playwright speaks WebDriver BiDi, as an unmodified Firefox does. Otherwise it needs its own build
  // of Firefox.
  start: (home) => startWithPlaywright("firefox", home, { executablePath: PROGRAM, channel: "moz-firefox" }),
};

/** Opens each page in a Firefox of its own, with a profile of its own. */
async function startAlone(home: string): Promise<Browser> {
  const version = execFileSync(PROGRAM, ["--version"], { encoding: "utf8", env: { ...process.env, HOME: home } });
  const { raised, raise } = alarm();
  let program: Program | undefined;
  let count = 0;
  const close = async () => {
    const last = program;
    program = undefined;
    await last?.stop();
  };
  return {
    version: /[\d.]+/.exec(version)?.[0] ?? "",
    async open(url) {
      await close();
      const profile = join(home, `profile-${count++}`);
      mkdirSync(profile);
      const lines = Object.entries(PREFERENCES).map(
        ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
      );
      writeFileSync(join(profile, "user.js"), lines.join("\n"));
      const started = new Program(
        PROGRAM,
        ["--headless", "--no-remote", "--profile", profile, url],
        homeEnvironment(home),
      );
      program = started;
      started.ended.then((how) => {
        if (program === started) raise(how);
      });
    },
    written: () => undefined,
    gone: raised,
    close,
  };
}

/**
 * Firefox without a driver. With WebDriver BiDi it stalls, for seconds or for good, when a worker has started some ten workers
 * of its own, whatever these do.
 */
export const firefoxAlone: Driver = { ...COMMON, start: startAlone };
