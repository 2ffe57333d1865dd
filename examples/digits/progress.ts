/** How far the job is, on stderr: one line rewritten in place on a terminal, a line every few seconds elsewhere. */

/** The whole job counts `total` units of work, all of about the same length; the time left follows from the pace. */
export class Progress {
  readonly #started = performance.now();
  readonly #terminal = process.stderr.isTTY;
  #done = 0;
  #shown = performance.now();

  constructor(readonly total: number) {}

  /** Units more have been done; `doing` says what is under way. */
  advance(units: number, doing: string): void {
    this.#done += units;
    const now = performance.now();
    if (now - this.#shown < (this.#terminal ? 100 : 3000)) return;
    this.#shown = now;
    const share = this.#done / this.total;
    const left = ((now - this.#started) * (1 - share)) / share / 1000;
    // The first units, before the engine has compiled its code, say nothing about the pace.
    const guess = share > 0.02 ? `, about ${Math.ceil(left)} s left` : "";
    const line = `${String(Math.round(100 * share)).padStart(3)} %  ${doing}${guess}`;
    process.stderr.write(this.#terminal ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** Takes the line away again. */
  end(): void {
    if (this.#terminal) process.stderr.write("\r\x1b[K");
  }
}
