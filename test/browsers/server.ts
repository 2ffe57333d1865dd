/** Serves a project to the pages under a strict policy, in every way that a server may treat .wasm files; takes reports. */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, extname, join } from "node:path";
import type { Report } from "../portable/suite.ts";
import type { ThreadReport } from "./threads.ts";

/** Everything that the package needs: scripts and fetches from the same origin, and compiling WebAssembly. */
export const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'";

const TYPES: Record<string, string> = { ".js": "text/javascript", ".wasm": "application/wasm" };

/** How .wasm files are served, by the folder in front of their path: with this type or status. */
const WAYS: Record<string, () => string | number> = {
  "/untyped": () => "application/octet-stream",
  "/parameter": () => "application/wasm; charset=utf-8",
  "/absent": () => 404,
  // The first time it is asked in a visit.
  "/unreliable": () => {
    asked += 1;
    return asked === 1 ? 503 : "application/wasm";
  },
};
let asked = 0;

/** What a page found: by the whole suite, or by the checks of threads. */
export type Finding = Report | ThreadReport;

/** The answer of a page: what it found, or why it could not. */
export type Message = Finding | { error: string };

export interface Server {
  url: string;
  /** The report of the visit that is about to begin. */
  report(): Promise<Finding>;
  close(): Promise<void>;
}

async function answer(folder: string, path: string, response: ServerResponse): Promise<void> {
  if (!extname(path)) {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end('<!doctype html><title>adanorm</title><script type="module" src="/suite/page.js"></script>');
    return;
  }
  const way = Object.keys(WAYS).find((prefix) => path.startsWith(`${prefix}/`)) ?? "";
  const special = extname(path) === ".wasm" ? WAYS[way]?.() : undefined;
  const bytes = await readFile(join(folder, path.slice(way.length))).catch(() => undefined);
  if (typeof special === "number" || !bytes) {
    response.writeHead(typeof special === "number" ? special : 404).end();
    return;
  }
  response.setHeader("content-type", special ?? TYPES[extname(path)] ?? "application/octet-stream");
  response.end(bytes);
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

/**
 * @param headers added to those of every answer, or replacing them.
 * @param lacks the name of a file that the server does not find.
 */
export async function serve(folder: string, headers: Record<string, string> = {}, lacks?: string): Promise<Server> {
  let receive: (message: Message) => void = () => {};
  const server = createServer(async (request, response) => {
    response.setHeader("content-security-policy", POLICY);
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("cache-control", "no-store");
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (request.method === "POST") {
      receive(JSON.parse(await body(request)));
      response.writeHead(204).end();
    } else {
      // Parsing removes every ".." from a path.
      const { pathname } = new URL(request.url ?? "/", "http://localhost");
      if (basename(pathname) === lacks) response.writeHead(404).end();
      else await answer(folder, pathname, response);
    }
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    report() {
      asked = 0;
      return new Promise((resolve, reject) => {
        receive = (message) => ("error" in message ? reject(new Error(message.error)) : resolve(message));
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
