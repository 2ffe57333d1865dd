/** Sends one request over a new connection, in the parts that it names, and collects the answer. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

/** A burst takes a second or two. */
const PATIENCE = 20_000;

export interface Message {
  method: string;
  /** With its query. */
  path: string;
  headers: Record<string, string>;
  /** The body in parts. If there are several, each goes in a separate packet. */
  parts: Uint8Array[];
  /** Without a content-length. */
  chunked: boolean;
  /** Hang up after this number of parts; if it is Infinity, when the first bytes of the answer arrive. */
  leaveAfter?: number;
  /** Declare a body of this length and send nothing of it. */
  declared?: number;
}

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
  /** False where the connection broke, or ended before the content-length. */
  complete: boolean;
}

/** Milliseconds: short enough to keep 500 requests fast, long enough that parts are not read as one. */
const PAUSE = 2;

export function send(url: URL, message: Message): Promise<Answer> {
  const { method, path, parts, chunked, leaveAfter, declared } = message;
  const length = declared ?? parts.reduce((sum, part) => sum + part.length, 0);
  const headers: Record<string, string> = { ...message.headers };
  if (chunked) headers["transfer-encoding"] = "chunked";
  else if (parts.length > 0 || declared !== undefined) headers["content-length"] = `${length}`;

  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, url), { method, headers, agent: false });
    const limit = setTimeout(() => outgoing.destroy(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE);
    outgoing.setNoDelay(true);
    outgoing.once("close", () => clearTimeout(limit));
    let answered = false;
    outgoing.once("response", (incoming) => {
      answered = true;
      const chunks: Buffer[] = [];
      const done = () =>
        resolve({
          status: incoming.statusCode as number,
          headers: incoming.headers,
          body: Buffer.concat(chunks),
          complete: incoming.complete,
        });
      incoming.on("data", (chunk) => {
        chunks.push(chunk);
        if (leaveAfter === Number.POSITIVE_INFINITY) outgoing.destroy();
      });
      // A close follows an error too; and the body of a refused request may be stuck halfway.
      incoming.on("error", () => {});
      incoming.once("close", () => {
        done();
        outgoing.destroy();
      });
    });
    outgoing.on("error", (error) => {
      if (leaveAfter !== undefined) resolve({ status: 0, headers: {}, body: Buffer.alloc(0), complete: false });
      else if (!answered) reject(error);
    });
    outgoing.once("close", () => {
      if (leaveAfter !== undefined) resolve({ status: 0, headers: {}, body: Buffer.alloc(0), complete: false });
    });
    outgoing.flushHeaders();
    if (declared === undefined) void sendParts(outgoing, parts, leaveAfter);
  });
}

async function sendParts(outgoing: ClientRequest, parts: Uint8Array[], leaveAfter?: number): Promise<void> {
  for (const [index, part] of parts.entries()) {
    if (index === leaveAfter) {
      outgoing.destroy();
      return;
    }
    if (outgoing.destroyed) return;
    if (!outgoing.write(part)) {
      await new Promise<void>((resolve) => {
        const go = () => {
          outgoing.off("drain", go).off("close", go);
          resolve();
        };
        outgoing.once("drain", go).once("close", go);
      });
    }
    if (parts.length > 1) await wait(PAUSE);
  }
  outgoing.end();
}
