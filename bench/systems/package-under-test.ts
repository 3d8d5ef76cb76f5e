import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Names the checkout whose `dist` is measured, in the environment of a worker. Unset: the checkout of this file. */
export const checkoutVariable = 'PEERLOOM_BENCH_CHECKOUT';

type Exports = Record<string, { readonly node?: string; readonly default: string }>;

/** Where the module is that programs of Node.js load when they import `'peerloom'` and a subpath, such as `'/secure'`. */
export function builtModule(subpath = ''): string {
  const checkout = process.env[checkoutVariable] ?? resolve(import.meta.dirname, '../..');
  const { exports } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    exports: Exports;
  };
  const entry = exports[`.${subpath}`]!;
  return pathToFileURL(resolve(checkout, entry.node ?? entry.default)).href;
}
