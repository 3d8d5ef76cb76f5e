import { createInterface } from 'node:readline';
import { styleText } from 'node:util';

const help = 'Enter shows the next event, a number shows that many, "all" the rest, and "q" ends.';

/**
 * Shows lines on a terminal, as many as the user requests each time. Resolves after the last line, or when the user
 * quits.
 */
export async function stepThroughLines(lines: Iterator<string>): Promise<void> {
  console.log(styleText('dim', help));
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '> ' });
  try {
    let next = lines.next();
    const show = (count: number): void => {
      for (let shown = 0; shown < count && !next.done; shown++) {
        console.log(next.value);
        next = lines.next();
      }
    };
    show(1);
    if (next.done) return;
    terminal.prompt();
    for await (const typed of terminal) {
      const word = typed.trim();
      if (word === 'q') return;
      if (word === '') show(1);
      else if (word === 'all') show(Number.POSITIVE_INFINITY);
      else if (/^\d{1,15}$/.test(word)) show(Number(word));
      else console.log(styleText('dim', help));
      if (next.done) return;
      terminal.prompt();
    }
  } finally {
    terminal.close();
  }
}
