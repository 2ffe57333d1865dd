/** WebKitGTK's WebKit, driven by WebDriver on a virtual display, because it has no headless mode. */
import { createServer } from "node:net";
import { alarm, type Browser, type Driver, homeEnvironment } from "./driver.ts";
import { Program } from "./program.ts";
import { WebDriver } from "./webdriver.ts";

const XVFB = "/usr/bin/Xvfb";
const WEBDRIVER = "/usr/bin/WebKitWebDriver";
const MINI_BROWSER = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/webkit2gtk-4.1/MiniBrowser`;

const WATCH_MS = 1000;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

async function start(home: string): Promise<Browser> {
  const programs: Program[] = [];
  const run = (...args: ConstructorParameters<typeof Program>) => {
    const program = new Program(...args);
    programs.push(program);
    return program;
  };
  const stop = async () => {
    for (const program of programs.reverse()) await program.stop();
  };
  try {
    // Xvfb takes a free display and prints its number. (xvfb-run would need xauth too, and leaves files when it is killed.)
    const display = await run(XVFB, ["-displayfd", "3", "-nolisten", "tcp"], {}, 3).told();
    const port = await freePort();
    const env = { ...homeEnvironment(home), DISPLAY: `:${display}`, GDK_BACKEND: "x11" };
    const service = run(WEBDRIVER, [`--port=${port}`, "--host=127.0.0.1"], env);
    const driver = await WebDriver.start(`http://127.0.0.1:${port}`, {
      browserName: "MiniBrowser",
      pageLoadStrategy: "none",
      "webkitgtk:browserOptions": { binary: MINI_BROWSER, args: ["--automation"] },
    });
    const { raised, raise } = alarm();
    service.ended.then(raise);
    // WebKitGTK does not report this itself.
    const watch = setInterval(() => driver.url().catch(() => raise("the browser or its page is gone")), WATCH_MS);
    return {
      version: driver.version,
      open: (url) => driver.open(url),
      written: () => undefined,
      gone: raised,
      async close() {
        clearInterval(watch);
        await driver.close().catch(() => {});
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export const webkit: Driver = {
  name: "WebKitGTK",
  programs: [XVFB, WEBDRIVER, MINI_BROWSER],
  packages: ["webkit2gtk-driver", "xvfb"],
  // It has shared memory only with JSC_useSharedArrayBuffer=1 in its environment.
  hasThreads: false,
  start,
};
