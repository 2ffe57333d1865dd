/** A Worker that normalises batches of embeddings: binary ones as a stream, small ones as JSON. See README.md. */
import { describe, Refusal, refusal } from "./errors.ts";
import { MAX_BINARY_BYTES, MAX_JSON_BYTES } from "./limits.ts";
import { norms } from "./norms.ts";
import { contentLength, mediaType, optionsOfQuery, parseJson, toRows } from "./parse.ts";
import { pipelineOf } from "./pipeline.ts";
import { normaliseRows, readText } from "./stream.ts";
import { USAGE } from "./usage.ts";

/** Only Workers have this: a TransformStream that changes nothing and knows its length. */
declare const FixedLengthStream: new (length: number) => TransformStream<Uint8Array, Uint8Array>;

const BINARY = "application/octet-stream";
const JSON_TYPE = "application/json";

export default {
  async fetch(request: Request): Promise<Response> {
    try {
      return await answer(request);
    } catch (error) {
      if (error instanceof Refusal) return error.toResponse();
      console.error(error);
      return new Refusal(500, "internal error").toResponse();
    }
  },
};

async function answer(request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname !== "/") throw refusal(404, "path", "/", describe(pathname));
  switch (request.method) {
    case "GET":
    case "HEAD":
      return new Response(USAGE, { headers: { "content-type": "text/plain; charset=utf-8" } });
    case "POST":
      return normalise(request, searchParams);
    default: {
      const allowed = "GET, HEAD, POST";
      throw new Refusal(405, `method: expected ${allowed}, got ${request.method}`, { allow: allowed });
    }
  }
}

async function normalise(request: Request, query: URLSearchParams): Promise<Response> {
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null) throw refusal(415, "content-encoding", "none", describe(encoding));
  switch (mediaType(request)) {
    case BINARY:
      return normaliseBinary(request, query);
    case JSON_TYPE:
      return normaliseJson(request, query);
    default: {
      const got = describe(request.headers.get("content-type") ?? undefined);
      throw refusal(415, "content-type", `${BINARY} or ${JSON_TYPE}`, got);
    }
  }
}

function normaliseBinary(request: Request, query: URLSearchParams): Response {
  const pipeline = pipelineOf(norms, optionsOfQuery(query));
  const length = contentLength(request);
  checkLength(length, MAX_BINARY_BYTES);
  const rowBytes = pipeline.size * 4;
  if (length !== undefined && length % rowBytes) {
    throw refusal(400, "body", `whole rows of ${rowBytes} bytes`, `${length} bytes`);
  }
  const y = request.body && normaliseRows(request.body, pipeline, MAX_BINARY_BYTES);
  // Sets the content-length of the answer, so that a client can recognise an answer that broke off.
  const body =
    length === undefined ? y : y?.pipeThrough(new FixedLengthStream((length / rowBytes) * pipeline.rowBytes));
  return new Response(body, { headers: { "content-type": BINARY } });
}

async function normaliseJson(request: Request, query: URLSearchParams): Promise<Response> {
  const [option] = query.keys();
  if (option !== undefined) throw refusal(400, "query", "none, as JSON brings its options along", describe(option));
  checkLength(contentLength(request), MAX_JSON_BYTES);
  const { options, x, form } = parseJson(await readText(request.body, MAX_JSON_BYTES));
  const pipeline = pipelineOf(norms, options);
  const { values, scale } = pipeline.run(x);
  // JSON has no NaN and no Infinity: they become null.
  return Response.json({
    ...(form === "rows" ? { rows: toRows(values, pipeline.width) } : { data: Array.from(values) }),
    ...(scale && { scale: Array.from(scale) }),
  });
}

/** Refuses a body that is too long before any of it is read, if the client says how long it is. */
function checkLength(length: number | undefined, most: number): void {
  if (length !== undefined && length > most) throw refusal(413, "body", `at most ${most} bytes`, `${length}`);
}
