/** Requests, each with a check of its answer. */
import { type Kernels, loadSync, type Norm } from "../../../build/index.js";
import { MAX_BINARY_BYTES, MAX_JSON_BYTES, MAX_SIZE } from "../src/limits.ts";
import { NORMS, type NormOptions } from "../src/norms.ts";
import type { Answer, Message } from "./client.ts";
import { Choices } from "./random.ts";

export interface Exchange {
  what: string;
  message: Message;
  /** The fault of an answer; undefined if there is none. */
  fault(answer: Answer): string | undefined;
}

/** The oracle: the repository's own build, in Node. */
const kernels: Kernels = loadSync();

const BINARY = "application/octet-stream";
const JSON_TYPE = "application/json";

/** One row of 4,096, rows of 1, and the lengths about the width of a vector and the blocks of the kernels. */
const SIZES = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 63, 64, 65, 100, 127, 128, 384, 768, 1000, 1023, 1536, 4095, 4096];

/** The size of the large bodies. */
const LARGE_LEAST = 2 * 2 ** 20;
const LARGE_MOST = 6 * 2 ** 20;

function bytesOf(x: Float32Array): Uint8Array {
  return new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
}

export function normalised(x: Float32Array, { norm, ...options }: NormOptions): Float32Array {
  const made: Norm = kernels[norm](options);
  return made.forward(x).y;
}

function anyOptions(choices: Choices, norm: NormOptions["norm"], size: number): NormOptions {
  const options: NormOptions = { norm, size };
  if (norm === "l2Norm") return options;
  if (choices.chance(0.4)) options.eps = choices.of([0, 1e-12, 1e-6, 0.001, 0.5]);
  if (choices.chance(0.3)) options.epsAt = choices.of(["variance", "std"]);
  if (choices.chance(0.3)) options.ddof = choices.of([0, 1]);
  if (norm === "adaNorm") {
    if (choices.chance(0.5)) options.scale = choices.of([0.5, 1, 2, 3e38]);
    if (choices.chance(0.5)) options.k = choices.of([0, 0.05, 0.1, 0.3]);
  }
  return options;
}

export function queryOf(options: object): string {
  return `/?${new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]))}`;
}

/** How the body travels. */
function travel(choices: Choices, bytes: Uint8Array, mostParts: number): Pick<Message, "parts" | "chunked"> {
  const whole = bytes.length < 2 || choices.chance(0.4);
  return { parts: whole ? [bytes] : choices.cut(bytes, mostParts), chunked: choices.chance(0.6) };
}

export function binary(choices: Choices, norm: NormOptions["norm"], size: number, rows: number): Exchange {
  const options = anyOptions(choices, norm, size);
  const x = choices.rows(rows, size);
  // Values that JSON cannot carry must pass through binary rows.
  if (x.length > 0 && choices.chance(0.1))
    x[choices.integer(0, x.length - 1)] = choices.of([Number.NaN, 1 / 0, -1 / 0]);
  const expected = Buffer.from(bytesOf(normalised(x, options)));
  const message: Message = {
    method: "POST",
    path: queryOf(options),
    headers: { "content-type": choices.of([BINARY, BINARY.toUpperCase(), `${BINARY}; v=1`]) },
    ...travel(choices, bytesOf(x), 6),
  };
  return {
    what: `binary ${JSON.stringify(options)}, ${rows} rows, ${message.parts.length} parts, chunked: ${message.chunked}`,
    message,
    fault(answer) {
      if (answer.status !== 200) return `status ${answer.status}: ${answer.body}`;
      if (!answer.complete) return `broke off after ${answer.body.length} bytes`;
      if (answer.headers["content-type"] !== BINARY) return `content-type ${answer.headers["content-type"]}`;
      const length = message.chunked ? undefined : `${expected.length}`;
      if (answer.headers["content-length"] !== length) return `content-length ${answer.headers["content-length"]}`;
      return difference(answer.body, expected);
    },
  };
}

function difference(got: Buffer, expected: Buffer): string | undefined {
  if (got.equals(expected)) return undefined;
  if (got.length !== expected.length) return `${got.length} bytes instead of ${expected.length}`;
  return `another byte at ${got.findIndex((byte, i) => byte !== expected[i])} of ${got.length}`;
}

function json(choices: Choices, norm: NormOptions["norm"], size: number, rows: number): Exchange {
  const options = anyOptions(choices, norm, size);
  const x = choices.rows(rows, size);
  const y = Array.from(normalised(x, options));
  const inRows = (values: number[]) =>
    Array.from({ length: rows }, (_, row) => values.slice(row * size, (row + 1) * size));
  const asRows = choices.chance(0.5);
  const text = JSON.stringify(
    asRows ? { ...options, rows: inRows(Array.from(x)) } : { ...options, data: Array.from(x) },
  );
  const expected = JSON.stringify(asRows ? { rows: inRows(y) } : { data: y });
  const message: Message = {
    method: "POST",
    path: "/",
    headers: { "content-type": choices.of([JSON_TYPE, `${JSON_TYPE}; charset=utf-8`]) },
    ...travel(choices, Buffer.from(text), 6),
  };
  return {
    what: `JSON ${JSON.stringify(options)}, ${rows} rows, ${message.parts.length} parts, chunked: ${message.chunked}`,
    message,
    fault(answer) {
      if (answer.status !== 200) return `status ${answer.status}: ${answer.body}`;
      if (answer.headers["content-type"] !== JSON_TYPE) return `content-type ${answer.headers["content-type"]}`;
      // The shortest text that reads back as a number is the same in every engine: so is all of this.
      return `${answer.body}` === expected
        ? undefined
        : `${`${answer.body}`.slice(0, 100)} instead of ${expected.slice(0, 100)}`;
    },
  };
}

/** Embeddings all the way: layer norm, the first elements, unit vectors, 8-bit integers. */
function embedding(choices: Choices, asJson: boolean): Exchange {
  const size = choices.integer(2, 800);
  const dimensions = choices.integer(1, size);
  const count = choices.integer(1, 40);
  const x = choices.rows(count, size);
  const unit = kernels.l2Norm({ size: dimensions });
  const { y } = unit.forward(kernels.layerNorm({ size }).forward(x).y, { rowStride: { x: size } });
  const { values, scale } = kernels.rows(dimensions).int8(y);
  const options = { norm: "layerNorm,l2Norm", size, dimensions, as: "int8" };
  const body = asJson ? Buffer.from(JSON.stringify({ ...options, data: Array.from(x) })) : bytesOf(x);
  const expected = asJson
    ? Buffer.from(JSON.stringify({ data: Array.from(values), scale: Array.from(scale) }))
    : Buffer.from(values.buffer);
  const message: Message = {
    method: "POST",
    path: asJson ? "/" : queryOf(options),
    headers: { "content-type": asJson ? JSON_TYPE : BINARY },
    ...travel(choices, body, 6),
  };
  return {
    what: `an embedding in ${asJson ? "JSON" : "bytes"}, ${count} x ${size} to ${dimensions}`,
    message,
    fault(answer) {
      if (answer.status !== 200) return `status ${answer.status}: ${answer.body}`;
      const length = asJson || message.chunked ? undefined : `${expected.length}`;
      if (!asJson && answer.headers["content-length"] !== length) {
        return `content-length ${answer.headers["content-length"]}`;
      }
      return difference(answer.body, expected);
    },
  };
}

/** A client that hangs up: no answer to it is wrong, but the answers to the others must be right. */
function leaver(choices: Choices): Exchange {
  const exchange = binary(choices, choices.of(NORMS), choices.of([100, 768, 4096]), 64);
  const { path, headers, parts } = exchange.message;
  const bytes = Buffer.concat(parts);
  const message: Message = {
    method: "POST",
    path,
    headers,
    parts: choices.cut(bytes, 6),
    chunked: choices.chance(0.5),
    leaveAfter: choices.of([0, 1, 1, Number.POSITIVE_INFINITY]),
  };
  return { what: "a client that hangs up", message, fault: () => undefined };
}

interface Refused {
  method?: string;
  path?: string;
  type?: string | null;
  headers?: Record<string, string>;
  /** Of bytes, or of text that is JSON or none. */
  body?: Uint8Array | string;
  chunked?: boolean;
  declared?: number;
  status: number;
  /** All of the message. */
  error: string | RegExp;
}

const NAMES = NORMS.join(", ");
const OPTIONS = "norm, size, eps, epsAt, ddof, scale, k, dimensions, as";
const ROW = Float32Array.of(1, 2, 3, 4);

function inQuery(query: string, error: string): Refused {
  return { path: `/${query}`, body: bytesOf(ROW), status: 400, error };
}

function inJson(body: object | string, error: string | RegExp): Refused {
  return {
    type: JSON_TYPE,
    path: "/",
    body: typeof body === "string" ? body : JSON.stringify(body),
    status: 400,
    error,
  };
}

/** Every kind of request that is refused with a status. */
const REFUSED: Refused[] = [
  ...["PUT", "DELETE", "PATCH", "OPTIONS"].map((method) => ({
    method,
    status: 405,
    error: `method: expected GET, HEAD, POST, got ${method}`,
  })),
  { path: "/norms?norm=adaNorm&size=4", status: 404, error: 'path: expected /, got "/norms"' },
  { method: "GET", path: "/favicon.ico", status: 404, error: 'path: expected /, got "/favicon.ico"' },
  { type: null, status: 415, error: `content-type: expected ${BINARY} or ${JSON_TYPE}, got none` },
  ...["text/plain", "application/x-www-form-urlencoded", "application/jsonl"].map((type) => ({
    type,
    status: 415,
    error: `content-type: expected ${BINARY} or ${JSON_TYPE}, got "${type}"`,
  })),
  { headers: { "content-encoding": "gzip" }, status: 415, error: 'content-encoding: expected none, got "gzip"' },

  inQuery("", `norm: expected one of ${NAMES}, got none`),
  inQuery("?size=4", `norm: expected one of ${NAMES}, got none`),
  inQuery("?norm=batchNorm&size=4", `norm: expected one of ${NAMES}, got "batchNorm"`),
  inQuery("?norm=constructor&size=4", `norm: expected one of ${NAMES}, got "constructor"`),
  inQuery("?norm=adaNorm", `size: expected an integer from 1 to ${MAX_SIZE}, got none`),
  inQuery("?norm=adaNorm&size=0", `size: expected an integer from 1 to ${MAX_SIZE}, got 0`),
  inQuery("?norm=adaNorm&size=-4", `size: expected an integer from 1 to ${MAX_SIZE}, got -4`),
  inQuery("?norm=adaNorm&size=1.5", `size: expected an integer from 1 to ${MAX_SIZE}, got 1.5`),
  inQuery("?norm=adaNorm&size=65537", `size: expected an integer from 1 to ${MAX_SIZE}, got 65537`),
  inQuery("?norm=adaNorm&size=", 'size: expected a number, got ""'),
  inQuery("?norm=adaNorm&size=four", 'size: expected a number, got "four"'),
  inQuery("?norm=adaNorm&size=0x4", 'size: expected a number, got "0x4"'),
  inQuery("?norm=adaNorm&size=4&size=4", "size: expected one value, got 2"),
  inQuery("?norm=adaNorm&size=4&epsilon=1", `query: expected only ${OPTIONS}, got "epsilon"`),
  inQuery("?norm=adaNorm&size=4&__proto__=1", `query: expected only ${OPTIONS}, got "__proto__"`),
  inQuery("?norm=rmsNorm&size=4&eps=-1", "rmsNorm: eps: expected a finite number >= 0, got -1"),
  inQuery("?norm=rmsNorm&size=4&eps=NaN", 'eps: expected a number, got "NaN"'),
  // Becomes Infinity, which a careless key would confuse with the default.
  inQuery("?norm=rmsNorm&size=4&eps=1e999", "eps: expected a finite number, got Infinity"),
  inQuery("?norm=layerNorm&size=4&epsAt=mean", 'layerNorm: epsAt: expected "variance" or "std", got "mean"'),
  inQuery("?norm=layerNorm&size=4&ddof=2", "layerNorm: ddof: expected 0 or 1, got 2"),
  inQuery("?norm=adaNorm&size=4&scale=0", "adaNorm: scale: expected a finite number > 0, got 0"),
  inQuery("?norm=adaNorm&size=4&k=-0.1", "adaNorm: k: expected a finite number >= 0, got -0.1"),
  inQuery("?norm=layerNorm&size=4&k=0.1", "k: expected none, as only adaNorm has it, got one"),
  inQuery("?norm=detachNorm&size=4&scale=2", "scale: expected none, as only adaNorm has it, got one"),
  inQuery("?norm=layerNorm,&size=4", `norm: expected one of ${NAMES}, got ""`),
  inQuery("?norm=l2Norm,layerNorm&size=4", 'norm: expected l2Norm as the last one, got "l2Norm,layerNorm"'),
  inQuery("?norm=rmsNorm,rmsNorm,rmsNorm,rmsNorm,rmsNorm&size=4", "norm: expected at most 4 norms, got 5"),
  inQuery("?norm=l2Norm&size=4&eps=1", "eps: expected none, as l2Norm does not take it here, got one"),
  inQuery("?norm=l2Norm&size=4&dimensions=5", "dimensions: expected an integer from 1 to size 4, got 5"),
  inQuery("?norm=l2Norm&size=4&dimensions=0", "dimensions: expected an integer from 1 to size 4, got 0"),
  inQuery("?norm=l2Norm&size=4&as=int4", 'as: expected one of float32, int8, bits, got "int4"'),

  { body: bytesOf(ROW).subarray(1), status: 400, error: "body: expected whole rows of 16 bytes, got 15 bytes" },
  {
    body: bytesOf(Float32Array.of(1, 2, 3, 4, 5)),
    status: 400,
    error: "body: expected whole rows of 16 bytes, got 20 bytes",
  },
  {
    declared: MAX_BINARY_BYTES + 16,
    status: 413,
    error: `body: expected at most ${MAX_BINARY_BYTES} bytes, got ${MAX_BINARY_BYTES + 16}`,
  },
  {
    type: JSON_TYPE,
    path: "/",
    declared: MAX_JSON_BYTES + 1,
    status: 413,
    error: `body: expected at most ${MAX_JSON_BYTES} bytes, got ${MAX_JSON_BYTES + 1}`,
  },
  {
    type: JSON_TYPE,
    path: "/",
    body: " ".repeat(MAX_JSON_BYTES + 1),
    chunked: true,
    status: 413,
    error: `body: expected at most ${MAX_JSON_BYTES} bytes, got more`,
  },

  { ...inJson({}, 'query: expected none, as JSON brings its options along, got "norm"'), path: "/?norm=adaNorm" },
  inJson("", /^body: expected JSON, got ./),
  inJson('{ "norm": "adaNorm", "size": 4, "rows": [[1, 2, 3, 4]', /^body: expected JSON, got ./),
  inJson('{ "norm": "adaNorm", "size": 4, "rows": [[1, 2, 3, NaN]] }', /^body: expected JSON, got ./),
  { ...inJson("", "body: expected JSON in UTF-8, got bytes that are not"), body: Uint8Array.of(0x22, 0xff, 0x22) },
  inJson("null", "body: expected a JSON object, got null"),
  inJson("17", "body: expected a JSON object, got 17"),
  inJson("[[1, 2]]", "body: expected a JSON object, got an array of 1"),
  inJson({ norm: "adaNorm", size: 4, row: [] }, `body: expected only ${OPTIONS}, rows, data, got "row"`),
  inJson('{ "__proto__": 1 }', `body: expected only ${OPTIONS}, rows, data, got "__proto__"`),
  inJson({ norm: "adaNorm", size: 4 }, "body: expected either rows or data, got neither"),
  inJson({ norm: "adaNorm", size: 4, rows: [], data: [] }, "body: expected either rows or data, got both"),
  inJson({ norm: ["adaNorm"], size: 4, rows: [] }, `norm: expected one of ${NAMES}, got an array of 1`),
  inJson({ size: 4, rows: [] }, `norm: expected one of ${NAMES}, got none`),
  inJson({ norm: "adaNorm", size: "4", rows: [] }, `size: expected an integer from 1 to ${MAX_SIZE}, got "4"`),
  inJson({ norm: "adaNorm", rows: [] }, `size: expected an integer from 1 to ${MAX_SIZE}, got none`),
  inJson({ norm: "adaNorm", size: 4, eps: null, rows: [] }, "eps: expected a finite number, got null"),
  inJson({ norm: "adaNorm", size: 4, k: "0.1", rows: [] }, 'k: expected a finite number, got "0.1"'),
  inJson({ norm: "adaNorm", size: 4, epsAt: 1, rows: [] }, "epsAt: expected a string, got 1"),
  inJson({ norm: "adaNorm", size: 4, ddof: 3, rows: [] }, "adaNorm: ddof: expected 0 or 1, got 3"),
  inJson({ norm: "adaNorm", size: 4, rows: { 0: [] } }, "rows: expected an array of arrays, got an object"),
  inJson({ norm: "adaNorm", size: 4, rows: [[1, 2, 3, 4], 5] }, "rows[1]: expected an array of 4 numbers, got 5"),
  inJson(
    { norm: "adaNorm", size: 4, rows: [[1, 2, 3, 4], [5]] },
    "rows[1]: expected an array of 4 numbers, got an array of 1",
  ),
  inJson(
    { norm: "adaNorm", size: MAX_SIZE, rows: Array.from({ length: 100_000 }, () => []) },
    `rows[0]: expected an array of ${MAX_SIZE} numbers, got an array of 0`,
  ),
  inJson(
    { norm: "adaNorm", size: 2, rows: [[1, "2"]] },
    'rows[0][1]: expected a number that float32 can hold, got "2"',
  ),
  inJson(
    { norm: "adaNorm", size: 2, rows: [[null, 1]] },
    "rows[0][0]: expected a number that float32 can hold, got null",
  ),
  inJson({ norm: "adaNorm", size: 2, data: [1, 1e39] }, "data[1]: expected a number that float32 can hold, got 1e+39"),
  inJson(
    '{ "norm": "adaNorm", "size": 1, "data": [1e999] }',
    "data[0]: expected a number that float32 can hold, got Infinity",
  ),
  inJson({ norm: "adaNorm", size: 4, data: "1234" }, 'data: expected an array of numbers, got "1234"'),
  inJson(
    { norm: "adaNorm", size: 4, data: [1, 2, 3, 4, 5, 6] },
    "data: expected a length that is a multiple of size 4, got 6",
  ),
];

function refused(kind: Refused): Exchange {
  const { method = "POST", path = "/?norm=adaNorm&size=4", type = BINARY, headers = {}, status, error } = kind;
  const body = kind.body ?? (method === "POST" ? bytesOf(ROW) : undefined);
  const message: Message = {
    method,
    path,
    headers: type === null ? headers : { "content-type": type, ...headers },
    parts: body === undefined || kind.declared ? [] : [Buffer.from(body as string)],
    chunked: kind.chunked ?? false,
  };
  if (kind.declared) message.declared = kind.declared;
  return {
    what: `${method} ${path}, refused with ${status}: ${error}`,
    message,
    fault(answer) {
      if (answer.status !== status) return `status ${answer.status}: ${`${answer.body}`.slice(0, 200)}`;
      if (answer.headers["content-type"] !== JSON_TYPE) return `content-type ${answer.headers["content-type"]}`;
      if (status === 405 && answer.headers.allow !== "GET, HEAD, POST") return `allow ${answer.headers.allow}`;
      const body = JSON.parse(`${answer.body}`);
      const same = typeof error === "string" ? body.error === error : error.test(body.error);
      return same && Object.keys(body).length === 1 ? undefined : `${answer.body}`;
    },
  };
}

/**
 * A body without a content-length that turns out to be wrong: the whole rows before the fault are answered, and nothing
 * after it. The test does not demand that the connection breaks, because workerd ends the answer as if it were complete.
 */
function brokenOff(what: string, x: Uint8Array, size: number, sound: number, parts: Uint8Array[]): Exchange {
  const options: NormOptions = { norm: "layerNorm", size };
  const y = normalised(new Float32Array(x.slice(0, sound).buffer), options);
  const expected = Buffer.from(bytesOf(y));
  return {
    what,
    message: { method: "POST", path: queryOf(options), headers: { "content-type": BINARY }, parts, chunked: true },
    fault(answer) {
      if (answer.status !== 200) return `status ${answer.status}: ${answer.body}`;
      if (answer.body.length > sound) return `${answer.body.length} bytes, where only ${sound} were sound`;
      return difference(answer.body, expected.subarray(0, answer.body.length));
    },
  };
}

function ragged(choices: Choices): Exchange {
  const size = choices.integer(1, 300);
  const rows = choices.integer(0, 50);
  const x = bytesOf(choices.rows(rows + 1, size)).subarray(
    0,
    (rows * size + size) * 4 - choices.integer(1, size * 4 - 1),
  );
  return brokenOff(`a ragged end, size ${size}, ${rows} rows`, x, size, rows * size * 4, choices.cut(x, 5));
}

/** One row more than is allowed. */
export function tooLong(choices: Choices): Exchange {
  const size = 1024;
  const rows = choices.rows(64, size);
  const x = new Uint8Array(MAX_BINARY_BYTES + size * 4);
  for (let at = 0; at < x.length; at += rows.byteLength) x.set(bytesOf(rows).subarray(0, x.length - at), at);
  const part = 1_000_003;
  const parts = Array.from({ length: Math.ceil(x.length / part) }, (_, i) => x.subarray(i * part, (i + 1) * part));
  return brokenOff(`a chunked body of ${x.length} bytes`, x, size, MAX_BINARY_BYTES, parts);
}

export function usage(method: "GET" | "HEAD"): Exchange {
  return {
    what: `${method} /`,
    message: { method, path: "/", headers: {}, parts: [], chunked: false },
    fault(answer) {
      const type = answer.headers["content-type"];
      if (answer.status !== 200 || type !== "text/plain; charset=utf-8") return `status ${answer.status}, ${type}`;
      const said = `${answer.body}`;
      if (method === "HEAD") return said === "" ? undefined : said;
      return NORMS.every((name) => said.includes(name)) ? undefined : said;
    },
  };
}

export interface Burst {
  exchanges: Exchange[];
  /** How many of them are malformed or hang up. */
  malformed: number;
}

/** `count` requests of every sort, a fifth of them malformed, in random order; the same for the same seed. */
export function burst(seed: number, count: number): Burst {
  const choices = new Choices(seed);
  const bad = REFUSED.map(refused);
  for (let i = 0; i < 10; i++) bad.push(ragged(choices), leaver(choices));
  while (bad.length < count / 5) bad.push(ragged(choices));

  const good: Exchange[] = [
    usage("GET"),
    usage("HEAD"),
    binary(choices, "adaNorm", 5, 0),
    json(choices, "rmsNorm", 5, 0),
    ...Array.from({ length: 20 }, (_, i) => embedding(choices, i % 2 === 0)),
  ];
  NORMS.forEach((norm, i) => {
    const size = [1, 100, 768, 1000, 4096, 384][i] as number;
    good.push(binary(choices, norm, size, Math.floor(choices.integer(LARGE_LEAST, LARGE_MOST) / 4 / size)));
    for (const each of SIZES) good.push(binary(choices, norm, each, choices.integer(1, Math.ceil(8192 / each))));
  });
  while (good.length + bad.length < count) {
    const norm = choices.of(NORMS);
    // Many of one size, so that norms that differ in nothing but an option meet in the cache.
    const size = choices.of([24, choices.of(SIZES), choices.integer(1, 4096)]);
    const rows = choices.integer(1, Math.ceil(4096 / size));
    good.push(choices.chance(0.5) ? json(choices, norm, size, rows) : binary(choices, norm, size, rows));
  }
  return { exchanges: choices.shuffle([...good, ...bad]), malformed: bad.length };
}
