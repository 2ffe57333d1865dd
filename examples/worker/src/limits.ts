/** What a request may cost. You may change these numbers; only the README repeats them. */

/** The longest row, in elements. Memory holds at least one row, once as bytes and once as the answer. */
export const MAX_SIZE = 65_536;

/** The largest binary body. It is streamed, so the limit is for time, not for memory. */
export const MAX_BINARY_BYTES = 64 * 2 ** 20;

/** The largest JSON body. Memory holds all of it: as text, as numbers, and as the text of the answer. */
export const MAX_JSON_BYTES = 2 ** 20;

/** The norms that are kept, each for one set of options. */
export const MAX_NORMS = 256;

/** The norms that a request may name, which are computed one after another. */
export const MAX_STEPS = 4;
