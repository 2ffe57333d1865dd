/** Serves the built site as a static host does, below a path; puts the checks into pages that ask for them; takes reports. */
import { readFile, stat } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Isolates the page, so that it has threads. */
export const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** What a page found. */
export interface Report {
  passed: number;
  failed: { name: string; error: string }[];
  /** What the next visit must see too. */
  seen?: unknown;
}

export interface SiteServer {
  /** The address of the front page. */
  url: string;
  /** The report of the visit that is about to begin. */
  report(): Promise<Report>;
  /** The files that were asked for since the last call, with their sizes as they are sent. */
  sent(): Map<string, number>;
  /** The addresses that were not found since the start. */
  missing: string[];
  close(): Promise<void>;
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

export interface Served {
  /** The built site, and the path that it is served below. */
  folder: string;
  base: string;
  /** The checks, as a script. */
  checks: string;
  headers?: Record<string, string>;
}

export async function serve({ folder, base, checks, headers = {} }: Served): Promise<SiteServer> {
  let receive: (report: Report) => void = () => {};
  const sent = new Map<string, number>();
  const missing: string[] = [];
  const checksPath = `${base}checks.js`;
  const server = createServer(async (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (request.method === "POST") {
      receive(JSON.parse(await body(request)));
      response.writeHead(204).end();
      return;
    }
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const inside = decodeURIComponent(pathname.slice(base.length));
    const path = pathname.endsWith("/") ? `${inside}index.html` : inside;
    const file = pathname === checksPath ? checks : join(folder, path);
    const isFile = pathname.startsWith(base) && (await stat(file).catch(() => undefined))?.isFile();
    if (!isFile) {
      missing.push(pathname);
      response.writeHead(404).end();
      return;
    }
    let bytes = await readFile(file);
    if (extname(file) === ".html" && searchParams.has("checks")) {
      bytes = Buffer.from(
        bytes.toString().replace("</body>", `<script type="module" src="${checksPath}"></script></body>`),
      );
    }
    const zipped = gzipSync(bytes);
    if (pathname !== checksPath) sent.set(path, zipped.length);
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    response.setHeader("content-encoding", "gzip");
    response.end(zipped);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "localhost", resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}${base}`,
    report: () =>
      new Promise((resolve) => {
        receive = resolve;
      }),
    sent() {
      const files = new Map(sent);
      sent.clear();
      return files;
    },
    missing,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
