/** What a request may cost. Yours to change: only the README repeats these numbers. */

/** The longest row, in elements. A row is the least that is in memory: once in bytes, once as the answer. */
export const MAX_SIZE = 65_536;

/** The largest binary body. It is streamed: the limit is on time, not on memory. */
export const MAX_BINARY_BYTES = 64 * 2 ** 20;

/** The largest JSON body. It is held whole, as text, as numbers and as the answer's text. */
export const MAX_JSON_BYTES = 2 ** 20;

/** The norms that are kept, each for one set of options. */
export const MAX_NORMS = 256;
