/** Browsers that Playwright drives: those with the DevTools protocol or WebDriver BiDi. */
import { alarm, type Browser, homeEnvironment } from "./driver.ts";

const START_MS = 60_000;

/** The parts of playwright-core that are used here, so that types can be checked without it. */
interface Playwright {
  chromium: BrowserType;
  firefox: BrowserType;
}

interface BrowserType {
  launch(options: LaunchOptions & ReturnType<typeof commonOptions>): Promise<PlaywrightBrowser>;
}

interface LaunchOptions {
  executablePath: string;
  channel?: string;
  args?: string[];
}

interface PlaywrightBrowser {
  version(): string;
  newPage(): Promise<PlaywrightPage>;
  on(event: "disconnected", listener: () => void): unknown;
  close(): Promise<void>;
}

interface PlaywrightPage {
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  emulateMedia(options: { colorScheme: "light" | "dark"; reducedMotion: "reduce" | "no-preference" }): Promise<void>;
  keyboard: { press(key: string): Promise<void> };
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>;
  evaluate(expression: string): Promise<unknown>;
  goto(url: string, options: { waitUntil: "commit"; timeout: number }): Promise<unknown>;
  on(event: "crash", listener: () => void): unknown;
  on(event: "console", listener: (message: { text(): string }) => void): unknown;
  on(event: "pageerror", listener: (error: Error) => void): unknown;
}

const commonOptions = (home: string) => ({
  env: { ...process.env, ...homeEnvironment(home) },
  timeout: START_MS,
  // The browser is closed here, with everything that follows, before this process ends.
  handleSIGINT: false,
  handleSIGTERM: false,
  handleSIGHUP: false,
});

/** Starts a browser with one page. */
export async function startWithPlaywright(
  type: keyof Playwright,
  home: string,
  options: LaunchOptions,
): Promise<Browser> {
  // The name is in a variable so that the compiler does not look for the package.
  const name = "playwright-core";
  const { [type]: browserType }: Playwright = await import(name);
  const browser = await browserType.launch({ ...commonOptions(home), ...options });
  const { raised, raise } = alarm();
  browser.on("disconnected", () => raise("the browser is gone"));
  try {
    const page = await browser.newPage();
    page.on("crash", () => raise("the page crashed"));
    let written: string[] = [];
    page.on("console", (message) => written.push(message.text()));
    page.on("pageerror", (error) => written.push(String(error)));
    return {
      version: browser.version(),
      async open(url) {
        // What the page before was still loading is given up here, and not held against the next one.
        await page.goto("about:blank", { waitUntil: "commit", timeout: 0 });
        written = [];
        return page.goto(url, { waitUntil: "commit", timeout: 0 });
      },
      written: () => written,
      hands: {
        async arrange({ width, height, theme, calm }) {
          await page.setViewportSize({ width, height });
          await page.emulateMedia({ colorScheme: theme, reducedMotion: calm ? "reduce" : "no-preference" });
        },
        press: (key) => page.keyboard.press(key),
        picture: (path, fullPage) => page.screenshot({ path, fullPage }),
        evaluate: async <T>(expression: string) => (await page.evaluate(expression)) as T,
      },
      gone: raised,
      close: () => browser.close(),
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}
