import { printError } from './print-error.ts';
import { printable } from './printable.ts';

/** Prints a step in plain words where debugging is on; `enabled` guards what would be costly to put together. */
export interface Log {
  /** Somebody reads along. */
  readonly enabled: boolean;
  (step: string): void;
}

/**
 * The log of one part of a node: on when `isOn()` says so (the node's `debug` switch), or when the environment
 * variable `DEBUG` named the part as the program started, as in `DEBUG=peerloom:*`. Lines go to the standard error
 * output; in pages to the console, and the patterns come from `localStorage.debug`.
 */
export function createLog(part: string, label: string, isOn: () => boolean): Log {
  const isNamed = matches(patterns(), nameOf(part));
  const log = (step: string): void => {
    if (isNamed) printError(`${nameOf(part)} ${label}: ${printable(step)}`);
    else if (isOn()) printError(`DEBUG (${label}): ${printable(step)}`);
  };
  return Object.setPrototypeOf(Object.assign(log, { isOn: isNamed ? always : isOn }), logPrototype) as Log;
}

function nameOf(part: string): string {
  return `peerloom:${part}`;
}

const always = (): boolean => true;

/** A property of each log would take four times the memory, and be looked up at a twentieth of the speed. */
const logPrototype = Object.create(Function.prototype, {
  enabled: {
    get(this: { isOn(): boolean }) {
      return this.isOn();
    },
  },
});

/**
 * Whether patterns name a part, by the rules of the npm package `debug`: separated by commas or spaces, `*` stands for
 * any text, and a pattern that begins with `-` excludes.
 */
export function matches(patterns: string, name: string): boolean {
  const all = patterns.split(/[\s,]+/).filter((pattern) => pattern !== '');
  const excluded = all.filter((pattern) => pattern.startsWith('-')).map((pattern) => pattern.slice(1));
  const included = all.filter((pattern) => !pattern.startsWith('-'));
  const isMatch = (pattern: string): boolean => expressionOf(pattern).test(name);
  return included.some(isMatch) && !excluded.some(isMatch);
}

function expressionOf(pattern: string): RegExp {
  const escaped = pattern.split('*').map((text) => text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}

function patterns(): string {
  try {
    const { env } = globalThis.process ?? {};
    // Node.js has a localStorage too, and warns when it is read.
    return (env === undefined ? globalThis.localStorage?.getItem('debug') : env.DEBUG) ?? '';
  } catch {
    // Deno without permission to read the environment; pages that may not keep anything.
    return '';
  }
}
