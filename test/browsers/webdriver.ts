/** The part of a WebDriver client (https://www.w3.org/TR/webdriver2/) that visiting a page needs. */
import { setTimeout as delay } from "node:timers/promises";

const START_MS = 10_000;

interface Session {
  sessionId: string;
  capabilities: { browserVersion: string };
}

export class WebDriver {
  readonly #url: string;
  readonly version: string;

  private constructor(url: string, version: string) {
    this.#url = url;
    this.version = version;
  }

  /** Waits until the driver answers, and then starts a browser. */
  static async start(driver: string, capabilities: Record<string, unknown>): Promise<WebDriver> {
    const until = performance.now() + START_MS;
    while (!(await fetch(`${driver}/status`).catch(() => undefined))?.ok) {
      if (performance.now() > until) throw new Error(`no answer from a WebDriver at ${driver}`);
      await delay(50);
    }
    const { sessionId, capabilities: given } = await ask<Session>("POST", `${driver}/session`, {
      capabilities: { alwaysMatch: capabilities },
    });
    return new WebDriver(`${driver}/session/${sessionId}`, given.browserVersion);
  }

  open(url: string): Promise<null> {
    return ask("POST", `${this.#url}/url`, { url });
  }

  /** Asks the browser and not the page, which may be busy. Fails if either is gone. */
  url(): Promise<string> {
    return ask("GET", `${this.#url}/url`);
  }

  close(): Promise<null> {
    return ask("DELETE", this.#url);
  }
}

async function ask<T>(method: string, url: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const { value } = (await response.json()) as { value: T & { error?: string; message?: string } };
  if (!response.ok) throw new Error(`WebDriver: ${value.error}: ${value.message}`);
  return value;
}
