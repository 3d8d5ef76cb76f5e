import { type Parts, parts } from './parts-on-demand.ts';

// In bundles for browsers, `load-part-in-browsers.ts` replaces this file.

/** A part that most pages never need. Here it is always loaded. */
export function loadPart<Name extends keyof Parts>(name: Name): Parts[Name] | Promise<Parts[Name]> {
  return parts[name];
}

/** The same for synchronous calls. @throws PeerloomError `ERR_NOT_LOADED` in a page that is still loading the part. */
export function loadedPart<Name extends keyof Parts>(name: Name): Parts[Name] {
  return parts[name];
}

/** Gives a page the parts, so that it need not load them. Here it does nothing. */
export function provideParts(_parts: Parts): void {}
