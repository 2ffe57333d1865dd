/** Serves the page, and what it needs of the repository: this folder and the built package. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

const ROOT = new URL("../../", import.meta.url);
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".bin": "application/octet-stream" };
const SERVED = /^\/(examples\/generate\/[\w-]*|build\/[\w-]+)(\.\w+)*$/;

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const path = pathname === "/examples/generate/" ? `${pathname}index.html` : pathname;
  if (pathname === "/") return void response.writeHead(302, { location: "/examples/generate/" }).end();
  const bytes = SERVED.test(path) && (await readFile(new URL(path.slice(1), ROOT)).catch(() => undefined));
  if (!bytes) return void response.writeHead(404).end();
  response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
  response.end(bytes);
});

server.listen(Number(process.env.PORT ?? 8081), "localhost", () => {
  console.log(`http://localhost:${server.address().port}`);
});
