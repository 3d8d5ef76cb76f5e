import * as parts from './parts-on-demand.ts';

// In bundles for browsers, `load-parts-in-browsers.ts` replaces this file.

/** The parts that most pages never need, at once. */
export function loadParts(): typeof parts | Promise<typeof parts> {
  return parts;
}

/** In a page, this provides the parts, so that they need not be loaded. Here it does nothing. */
export function provideParts(_parts: typeof parts): void {}
