/** Random numbers that are the same for the same seed: sfc32 (Chris Doty-Humphrey), Box and Muller's normal numbers. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spare: number | undefined;

  constructor(seed: string) {
    // FNV-1a over the seed; the first numbers after it are not used, because their bits are not mixed yet.
    let hash = 0x811c9dc5;
    for (const char of seed) hash = Math.imul(hash ^ (char.codePointAt(0) as number), 0x01000193);
    this.#a = hash | 0;
    this.#b = ~hash | 0;
    this.#c = Math.imul(hash, 0x9e3779b9) | 0;
    for (let i = 0; i < 16; i++) this.uniform();
  }

  /** Evenly distributed in [0, 1), with 32 bits. */
  uniform(): number {
    const t = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return (t >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** 0 to n - 1 */
  integer(n: number): number {
    return Math.floor(n * this.uniform());
  }

  sign(): number {
    return this.uniform() < 0.5 ? -1 : 1;
  }

  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}
