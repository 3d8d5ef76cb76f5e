import { loaded } from '../base/loaded.ts';

type Parts = typeof import('./parts-on-demand.ts');

let parts: Parts | undefined;

/**
 * Loads the parts that most pages never need, in bundles for browsers, once. @throws PeerloomError `ERR_NOT_LOADED`.
 */
export function loadParts(): Parts | Promise<Parts> {
  return parts ?? load();
}

/** Makes {@link loadParts} return these parts at once. */
export function provideParts(provided: Parts): void {
  parts = provided;
}

async function load(): Promise<Parts> {
  parts = await loaded(import('./parts-on-demand.ts'));
  return parts;
}
