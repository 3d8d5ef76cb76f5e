/** Shows the progress of a long run: a bar on a terminal, and elsewhere a line at the beginning of each phase. */
export class Progress {
  readonly #output: NodeJS.WriteStream;
  #what = '';
  #shown = '';

  constructor(output: NodeJS.WriteStream = process.stderr) {
    this.#output = output;
  }

  /** @param share from 0 to 1. */
  show(what: string, share: number): void {
    if (!this.#output.isTTY) {
      if (what !== this.#what) this.#output.write(`${what} …\n`);
    } else {
      const line = `${bar(share)} ${String(Math.round(share * 100)).padStart(3)} %  ${what}`;
      if (line !== this.#shown) this.#output.write(`\r${line}\x1b[K`);
      this.#shown = line;
    }
    this.#what = what;
  }

  /** Removes the bar. */
  clear(): void {
    if (this.#shown !== '') this.#output.write('\r\x1b[K');
    this.#shown = '';
  }
}

const barWidth = 30;

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * barWidth);
  return '█'.repeat(full) + '░'.repeat(barWidth - full);
}
