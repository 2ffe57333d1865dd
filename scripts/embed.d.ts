/** See embed.js. */
export function encode(bytes: Uint8Array, alphabet: string): string;
