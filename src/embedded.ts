/**
 * Modules as text in the bundles. Base64 would hide from compression what repeats in a module: there a byte looks different in
 * each of three places. Here a frequent byte is one character, any other is two, and the same bytes are the same text: gzipped,
 * a module takes a third less room.
 */

/** Printable, and safe inside of double quotes, template strings and HTML. */
export const ALPHABET: string = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
  .filter((character) => !'"$<\\`'.includes(character))
  .join("");

/** The last two characters announce one more: between them they serve the bytes that have none of their own. */
export const SINGLE = ALPHABET.length - 2;

/** The bytes of a text: the ones that have a character of their own, in hexadecimal digits, come first. See scripts/embed.js. */
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
