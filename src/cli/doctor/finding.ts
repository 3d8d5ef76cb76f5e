import { styleText } from 'node:util';
import { safeLine } from '../describe.ts';

/** One thing that is true of this machine, and what to do about it. */
export interface Finding {
  /** `'ok'`: nothing to do. `'note'`: something to do in some cases. `'wrong'`: something to do. */
  readonly is: 'ok' | 'note' | 'wrong';
  /** What it is about, in a word or two. */
  readonly about: string;
  readonly text: string;
  readonly advice?: string | undefined;
}

const marks = { ok: '✔', note: '·', wrong: '✖' } as const;
const colours = { ok: 'green', note: 'yellow', wrong: 'red' } as const;

/** A finding as lines to print: what is true, and below it what to do. */
export function findingText({ is, about, text, advice }: Finding): string {
  const mark = styleText(colours[is], marks[is]);
  const what = `${mark} ${about}: ${safeLine(text)}`;
  return advice === undefined ? what : `${what}\n  → ${safeLine(advice)}`;
}
