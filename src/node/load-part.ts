import { type Parts, parts } from './parts-on-demand.ts';

// In bundles for browsers, `load-part-in-browsers.ts` takes the place of this file.

/** A part that most pages never need, at once. */
export function loadPart<Name extends keyof Parts>(name: Name): Parts[Name] | Promise<Parts[Name]> {
  return parts[name];
}

/** Gives a page the parts, so that it need not load them. Here they are there already. */
export function provideParts(_parts: Parts): void {}
