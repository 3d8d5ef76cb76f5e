import { PeerloomError } from '../base/errors.ts';
import { loaded } from '../base/loaded.ts';
import type { Parts } from './parts-on-demand.ts';

/** Bundlers put each of these into a file of its own. */
const files: { readonly [Name in keyof Parts]: () => Promise<Parts[Name]> } = {
  dialling: () => import('../discovery/dialling-parts.ts'),
  explaining: () => import('./explain/explain.ts'),
  lookup: () => import('../discovery/node-lookup.ts'),
  membership: () => import('../overlay/membership/membership.ts'),
  mover: () => import('../peers/mover.ts'),
  networkSecrets: () => import('../identity/network-secret.ts'),
  states: () => import('./states/state-parts.ts'),
  topics: () => import('./topic-parts.ts'),
  walks: () => import('../overlay/history/walk-parts.ts'),
};

const there: Partial<Parts> = {};
const failures = new Map<keyof Parts, unknown>();

/** Loads a part that most pages never need, once. @throws PeerloomError `ERR_NOT_LOADED`. */
export function loadPart<Name extends keyof Parts>(name: Name): Parts[Name] | Promise<Parts[Name]> {
  return there[name] ?? load(name);
}

/**
 * The same for synchronous calls.
 *
 * @throws PeerloomError `ERR_NOT_LOADED` while the part is being loaded, and once with the reason if that has failed.
 */
export function loadedPart<Name extends keyof Parts>(name: Name): Parts[Name] {
  const part = loadPart(name);
  if (!(part instanceof Promise)) return part;
  part.catch((error) => failures.set(name, error));
  const failure = failures.get(name);
  failures.delete(name);
  if (failure !== undefined) throw failure;
  throw new PeerloomError(
    'ERR_NOT_LOADED',
    'the page is still loading the code for this: call again in a moment',
  );
}

/** Makes {@link loadPart} return these parts immediately. */
export function provideParts(provided: Parts): void {
  Object.assign(there, provided);
}

async function load<Name extends keyof Parts>(name: Name): Promise<Parts[Name]> {
  const part = await loaded<Parts[Name]>(files[name]());
  there[name] = part;
  return part;
}
