import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from 'node:readline';
import { styleText } from 'node:util';

/** An input line at the bottom of the terminal. Other output appears above it. */
export class Prompt {
  #interface: Interface | undefined;

  print(line: string): void {
    this.#above(() => process.stdout.write(`${line}\n`));
  }

  /** Reads lines until the user ends the input (Ctrl-D, Ctrl-C) or the prompt is closed. */
  async read(onLine: (line: string) => void): Promise<void> {
    const prompt = styleText('bold', '> ');
    const lines = createInterface({ input: process.stdin, output: process.stdout, prompt });
    const letGoOfErrors = this.#keepClearOfErrors();
    this.#interface = lines;
    lines.prompt();
    lines.on('line', (line) => {
      onLine(line);
      if (this.#interface !== undefined) lines.prompt();
    });
    await new Promise<void>((resolve) => lines.once('close', resolve));
    if (this.#interface !== undefined) process.stdout.write('\n');
    this.#interface = undefined;
    letGoOfErrors();
  }

  close(): void {
    const lines = this.#interface;
    this.#interface = undefined;
    lines?.close();
  }

  #above<Result>(write: () => Result): Result {
    if (this.#interface === undefined) return write();
    const { rows } = this.#interface.getCursorPos();
    moveCursor(process.stdout, 0, -rows);
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
    const result = write();
    // readline first moves up to where it assumes that its line begins. After a paste, this is the wrong place.
    const { prevRows = rows } = this.#interface as { prevRows?: number };
    process.stdout.write('\n'.repeat(prevRows));
    this.#interface.prompt(true);
    return result;
  }

  /** Makes the log and the warnings of Node.js appear above the line too. */
  #keepClearOfErrors(): () => void {
    const { stderr } = process;
    if (!stderr.isTTY) return () => {};
    const { write } = stderr;
    const plainly = write.bind(stderr) as (...args: unknown[]) => boolean;
    stderr.write = (...args: unknown[]) => this.#above(() => plainly(...args));
    return () => {
      stderr.write = write;
    };
  }
}
