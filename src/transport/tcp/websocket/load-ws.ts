import { createRequire } from 'node:module';
import type * as ws from 'ws';

let loaded: typeof ws | undefined;

/**
 * Loads the package ws when a node first needs it. It is CommonJS, which some bundlers cannot include in an ES module,
 * so bundles leave it out. A bundled program that uses WebSockets needs the package beside the bundle.
 */
export function loadWs(): typeof ws {
  loaded ??= createRequire(import.meta.url)('ws') as typeof ws;
  return loaded;
}
