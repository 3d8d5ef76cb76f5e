import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Names the checkout whose `dist` is measured, in the environment of a worker. Unset: the checkout of this file. */
export const checkoutVariable = 'PEERLOOM_BENCH_CHECKOUT';

/** Where the built package is that this process measures; `path` is within `dist`. */
export function builtModule(path: string): string {
  const checkout = process.env[checkoutVariable] ?? resolve(import.meta.dirname, '../..');
  return pathToFileURL(resolve(checkout, 'dist', path)).href;
}
