/** The Worker as wrangler would upload it, run by miniflare. */
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Project, run } from "../../../test/portable/project.ts";

const example = fileURLToPath(new URL("..", import.meta.url));

/** What is used of miniflare, whose types are there only where it is installed. */
interface Miniflare {
  ready: Promise<URL>;
  getInspectorURL(): Promise<URL>;
  dispose(): Promise<void>;
}

export interface Host {
  url: URL;
  /** What the kernels hold, in bytes, and the number of norms that are kept. */
  memory(): Promise<{ used: number; size: number; norms: number }>;
  /** What is left in the Worker's heap after a collection, array buffers included, in bytes. */
  live(): Promise<number>;
  /** The resident set of workerd in bytes; undefined where the system does not tell. */
  resident(): number | undefined;
  /** What workerd printed. */
  printed: string[];
  stop(): Promise<void>;
}

/** Bundles one entry by wrangler, in the project, and returns what would be uploaded, and what wrangler says of its size. */
export function bundle(project: Project, entry: string, out: string): { folder: string; upload: string } {
  for (const part of ["src", "test", "wrangler.jsonc"]) {
    cpSync(join(example, part), join(project.folder, part), { recursive: true });
  }
  const wrangler = join(example, "node_modules/wrangler/bin/wrangler.js");
  const printed = run(process.execPath, [wrangler, "deploy", entry, "--dry-run", "--outdir", out], project.folder, {
    WRANGLER_SEND_METRICS: "false",
    // Its logs go with the project.
    XDG_CONFIG_HOME: join(project.folder, "config"),
  });
  return { folder: join(project.folder, out), upload: printed.match(/Total Upload: (.*)/)?.[1] ?? "?" };
}

export async function start(folder: string): Promise<Host> {
  const name = "miniflare";
  const { Miniflare } = (await import(name)) as { Miniflare: new (options: object) => Miniflare };
  const files = readdirSync(folder).filter((file) => /\.(js|wasm)$/.test(file));
  // The first one is the entry.
  files.sort((a, b) => Number(b.endsWith(".js")) - Number(a.endsWith(".js")));
  const config = readFileSync(join(example, "wrangler.jsonc"), "utf8");
  const printed: string[] = [];
  const collect = (stream: NodeJS.ReadableStream) => {
    stream.setEncoding("utf8").on("data", (text: string) => printed.push(...text.split("\n").filter(Boolean)));
  };
  const miniflare = new Miniflare({
    modules: files.map((file) => ({
      type: file.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
      path: file,
      contents: readFileSync(join(folder, file)),
    })),
    compatibilityDate: config.match(/"compatibility_date": "(.*?)"/)?.[1],
    host: "127.0.0.1",
    port: 0,
    inspectorPort: 0,
    handleRuntimeStdio(out: NodeJS.ReadableStream, errors: NodeJS.ReadableStream) {
      collect(out);
      collect(errors);
    },
  });
  const url = await miniflare.ready;
  const inspector = await inspect(await miniflare.getInspectorURL());
  return {
    url,
    async live() {
      // Called only because it collects garbage first. Its result is not used, and the next call waits for its end.
      void inspector.call("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
      const { usedSize, backingStorageSize } = await inspector.call("Runtime.getHeapUsage");
      return Number(usedSize) + Number(backingStorageSize);
    },
    memory: async () => (await fetch(new URL("/memory", url))).json(),
    resident,
    printed,
    async stop() {
      inspector.close();
      await miniflare.dispose();
    },
  };
}

/** What is used of ws: Node 20 has no WebSocket of its own. */
interface Socket {
  once(event: "open" | "error", listener: (error?: Error) => void): void;
  on(event: "message", listener: (data: Buffer) => void): void;
  send(text: string): void;
  terminate(): void;
}

interface Inspector {
  call(method: string, params?: object): Promise<Record<string, unknown>>;
  close(): void;
}

/** Connects to the inspector of the Worker itself; miniflare's own ones have others. */
async function inspect(base: URL): Promise<Inspector> {
  const name = "ws";
  const { WebSocket } = (await import(name)) as { WebSocket: new (url: URL) => Socket };
  const socket = new WebSocket(new URL("/core:user:", base));
  await new Promise((resolve, reject) => {
    socket.once("open", resolve as () => void);
    socket.once("error", reject);
  });
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  socket.on("message", (data) => {
    const { id, result } = JSON.parse(data.toString());
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let calls = 0;
  return {
    call: (method, params = {}) =>
      new Promise((resolve) => {
        calls += 1;
        waiting.set(calls, resolve);
        socket.send(JSON.stringify({ id: calls, method, params }));
      }),
    close: () => socket.terminate(),
  };
}

/** From /proc: the child of this process with that name. */
function resident(): number | undefined {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
    const child = children.find((id) => readFileSync(`/proc/${id}/comm`, "utf8").trim() === "workerd");
    const status = readFileSync(`/proc/${child}/status`, "utf8");
    return Number(status.match(/VmRSS:\s+(\d+) kB/)?.[1]) * 1024;
  } catch {
    return undefined;
  }
}
