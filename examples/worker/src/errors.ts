/** All answers that refuse a request: a status, and `{ "error": "field: expected ..., got ..." }`. */

/** A request that is refused. The message is for the client. */
export class Refusal extends Error {
  readonly status: number;
  readonly #headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.#headers = headers;
  }

  toResponse(): Response {
    return Response.json({ error: this.message }, { status: this.status, headers: this.#headers });
  }
}

/** Names the field, what was expected and what came. */
export function refusal(status: number, field: string, expected: string, got: string): Refusal {
  return new Refusal(status, `${field}: expected ${expected}, got ${got}`);
}

/** A value in a few words, because the message must not repeat a client's megabyte. */
export function describe(value: unknown): string {
  if (value === undefined) return "none";
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
