import { styleText } from 'node:util';
import { safeLine } from '../describe.ts';

/** A fact about this machine, and advice. */
export interface Finding {
  /** `'ok'`: nothing to do. `'note'`: something to do in some cases. `'wrong'`: something to do. */
  readonly is: 'ok' | 'note' | 'wrong';
  /** The subject, in one or two words. */
  readonly about: string;
  readonly text: string;
  readonly advice?: string | undefined;
}

const marks = { ok: '✔', note: '·', wrong: '✖' } as const;
const colours = { ok: 'green', note: 'yellow', wrong: 'red' } as const;

/** Formats a finding as lines to print: the fact, and below it the advice. */
export function findingText({ is, about, text, advice }: Finding): string {
  const mark = styleText(colours[is], marks[is]);
  const what = `${mark} ${about}: ${safeLine(text)}`;
  return advice === undefined ? what : `${what}\n  → ${safeLine(advice)}`;
}
