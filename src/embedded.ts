/**
 * WebAssembly modules as text in the bundles. Here a frequent byte is one character and any other byte is two, so equal
 * bytes are equal text, which gzip can compress. In base64 the text of a byte depends on its position modulo 3, which hides
 * repetitions. Gzipped, a module takes a third less room than in base64. asconfig.json has functions ordered by name: instances of
 * one generic function, which are much alike, follow each other then, where gzip sees them at once.
 */

/** All characters of the text. They are printable, and safe inside double quotes, template strings and HTML. */
export const ALPHABET: string = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
  .filter((character) => !'"$<\\`'.includes(character))
  .join("");

/** The number of bytes with a character of their own. The last two characters are prefixes, for the bytes without one. */
export const SINGLE = ALPHABET.length - 2;

/**
 * Decodes a text that scripts/embed.js made. It begins with the list of the bytes that have a character of their own, in
 * hexadecimal digits.
 */
export function decode(text: string): Uint8Array<ArrayBuffer> {
  const order = new Set<number>();
  for (let i = 0; i < SINGLE; i++) order.add(Number.parseInt(text.slice(i * 2, i * 2 + 2), 16));
  for (let byte = 0; byte < 256; byte++) order.add(byte);
  const bytes = [...order];
  const ranks = new Uint8Array(128);
  for (let i = 0; i < ALPHABET.length; i++) ranks[ALPHABET.charCodeAt(i)] = i;

  const result = new Uint8Array(text.length);
  let length = 0;
  for (let i = SINGLE * 2; i < text.length; i++) {
    let rank = ranks[text.charCodeAt(i)] as number;
    if (rank >= SINGLE) rank += (rank - SINGLE) * (ALPHABET.length - 1) + (ranks[text.charCodeAt(++i)] as number);
    result[length++] = bytes[rank] as number;
  }
  return result.slice(0, length);
}
