import * as parts from './parts-on-demand.ts';

// In bundles for browsers, `load-parts-in-browsers.ts` takes the place of this file.

/** The parts that most pages never need, at once. */
export function loadParts(): typeof parts | Promise<typeof parts> {
  return parts;
}

/** Gives a page the parts, so that it need not load them. Here they are there already. */
export function provideParts(_parts: typeof parts): void {}
