/** Reads requests: options from the query or from JSON, and rows from JSON. */
import { describe, refusal } from "./errors.ts";
import { MAX_SIZE, MAX_STEPS } from "./limits.ts";
import { NORMS, type NormOptions } from "./norms.ts";
import { FORMS, type Options } from "./pipeline.ts";

const NUMBERS = ["size", "eps", "ddof", "scale", "k", "dimensions"];
const OPTIONS = ["norm", "size", "eps", "epsAt", "ddof", "scale", "k", "dimensions", "as"];

/** What Number() takes, except what nobody means: the empty string, blanks, 0x10, Infinity. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The length of the body in bytes, if the client says it. */
export function contentLength(request: Request): number | undefined {
  const header = request.headers.get("content-length");
  return header === null ? undefined : Number(header);
}

/** The media type in lower case, without its parameters. */
export function mediaType(request: Request): string | undefined {
  return request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
}

/** Nothing in a query is ignored: a misspelt option must not be taken as left out. */
export function optionsOfQuery(query: URLSearchParams): Options {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of query) {
    if (!OPTIONS.includes(name)) throw refusal(400, "query", `only ${OPTIONS.join(", ")}`, describe(name));
    if (name in fields) throw refusal(400, name, "one value", `${query.getAll(name).length}`);
    if (NUMBERS.includes(name) && !NUMBER.test(value)) throw refusal(400, name, "a number", describe(value));
    fields[name] = NUMBERS.includes(name) ? Number(value) : value;
  }
  return checkOptions(fields);
}

/** A batch from JSON; `rows` says in which of the two forms it came. */
export interface JsonBatch {
  options: Options;
  x: Float32Array;
  form: "rows" | "data";
}

export function parseJson(text: string): JsonBatch {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw refusal(400, "body", "JSON", error instanceof Error ? error.message : String(error));
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw refusal(400, "body", "a JSON object", describe(body));
  }
  const { rows, data, ...fields } = body as Record<string, unknown>;
  const unknown = Object.keys(fields).find((name) => !OPTIONS.includes(name));
  if (unknown !== undefined) {
    throw refusal(400, "body", `only ${OPTIONS.join(", ")}, rows, data`, describe(unknown));
  }
  const options = checkOptions(fields);
  if ((rows === undefined) === (data === undefined)) {
    throw refusal(400, "body", "either rows or data", rows === undefined ? "neither" : "both");
  }
  return rows === undefined
    ? { options, x: fromData(data, options.size), form: "data" }
    : { options, x: fromRows(rows, options.size), form: "rows" };
}

/** A batch as an array of rows. */
export function toRows(y: Float32Array | Int8Array | Uint8Array, size: number): number[][] {
  return Array.from({ length: y.length / size }, (_, row) => Array.from(y.subarray(row * size, (row + 1) * size)));
}

/**
 * Checks what the package does not: the name, the limit on size, and options that the norm does not have. It also checks
 * the kinds, which the package checks too: norms are found by their options as JSON, in which Infinity and null look like
 * an option that is left out.
 */
function checkOptions(fields: Record<string, unknown>): Options {
  const { norm, size, dimensions = size, as = "float32", ...others } = fields;
  const norms = checkNorms(norm);
  if (!Number.isInteger(size) || (size as number) < 1 || (size as number) > MAX_SIZE) {
    throw refusal(400, "size", `an integer from 1 to ${MAX_SIZE}`, describe(size));
  }
  for (const [name, value] of Object.entries(fields)) {
    if (NUMBERS.includes(name) ? !Number.isFinite(value) : typeof value !== "string") {
      throw refusal(400, name, NUMBERS.includes(name) ? "a finite number" : "a string", describe(value));
    }
  }
  for (const name of ["scale", "k"]) {
    if (name in fields && !norms.includes("adaNorm")) throw refusal(400, name, "none, as only adaNorm has it", "one");
  }
  for (const name of ["eps", "epsAt", "ddof"]) {
    if (name in fields && norms.every((one) => one === "l2Norm")) {
      throw refusal(400, name, "none, as l2Norm does not take it here", "one");
    }
  }
  if (!Number.isInteger(dimensions) || (dimensions as number) < 1 || (dimensions as number) > (size as number)) {
    throw refusal(400, "dimensions", `an integer from 1 to size ${size}`, describe(dimensions));
  }
  if (!FORMS.some((form) => form === as)) throw refusal(400, "as", `one of ${FORMS.join(", ")}`, describe(as));
  return { norms, size, dimensions, as, ...others } as Options;
}

/** One norm, or several with commas between them. l2Norm is the last one. */
function checkNorms(norm: unknown): NormOptions["norm"][] {
  const names = typeof norm === "string" ? norm.split(",") : [norm];
  for (const name of names) {
    if (!NORMS.some((one) => one === name)) throw refusal(400, "norm", `one of ${NORMS.join(", ")}`, describe(name));
  }
  if (names.slice(0, -1).includes("l2Norm")) throw refusal(400, "norm", "l2Norm as the last one", describe(norm));
  if (names.length > MAX_STEPS) throw refusal(400, "norm", `at most ${MAX_STEPS} norms`, `${names.length}`);
  return names as NormOptions["norm"][];
}

function fromData(data: unknown, size: number): Float32Array {
  if (!Array.isArray(data)) throw refusal(400, "data", "an array of numbers", describe(data));
  if (data.length % size) {
    throw refusal(400, "data", `a length that is a multiple of size ${size}`, `${data.length}`);
  }
  const x = new Float32Array(data.length);
  copyNumbers(data, x, 0, "data");
  return x;
}

function fromRows(rows: unknown, size: number): Float32Array {
  if (!Array.isArray(rows)) throw refusal(400, "rows", "an array of arrays", describe(rows));
  // All lengths are checked before the allocation: a thousand empty rows must not cost as much as a thousand full ones.
  rows.forEach((row, index) => {
    if (Array.isArray(row) && row.length === size) return;
    throw refusal(400, `rows[${index}]`, `an array of ${size} numbers`, describe(row));
  });
  const x = new Float32Array(rows.length * size);
  rows.forEach((row, index) => {
    copyNumbers(row, x, index * size, `rows[${index}]`);
  });
  return x;
}

/** Refuses values that are not numbers, and numbers that would become Infinity in float32. */
function copyNumbers(from: unknown[], to: Float32Array, start: number, field: string): void {
  from.forEach((value, index) => {
    if (typeof value !== "number" || !Number.isFinite(Math.fround(value))) {
      throw refusal(400, `${field}[${index}]`, "a number that float32 can hold", describe(value));
    }
    to[start + index] = value;
  });
}
