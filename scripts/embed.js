/** A module as text, for the bundles: the counterpart of src/embedded.ts, which says why. */

/**
 * @param {Uint8Array} bytes
 * @param {string} alphabet all characters; the last two announce one more.
 * @returns {string} the bytes that have a character of their own, in hexadecimal digits, then all bytes.
 */
export function encode(bytes, alphabet) {
  const single = alphabet.length - 2;
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const frequent = [...counts.keys()].sort((a, b) => counts[b] - counts[a]).slice(0, single);
  const rare = [...counts.keys()].filter((byte) => !frequent.includes(byte));
  const texts = new Map(frequent.map((byte, i) => [byte, alphabet[i]]));
  for (const [i, byte] of rare.entries()) {
    const announced = alphabet[single + Math.floor(i / alphabet.length)];
    texts.set(byte, `${announced}${alphabet[i % alphabet.length]}`);
  }
  const header = frequent.map((byte) => byte.toString(16).padStart(2, "0"));
  return [...header, ...Array.from(bytes, (byte) => texts.get(byte))].join("");
}
