import { createRequire } from 'node:module';
import type * as ws from 'ws';

let loaded: typeof ws | undefined;

/**
 * The package ws, loaded when a node first needs it. It is CommonJS, which some bundlers cannot put into an ES module,
 * so bundles leave it out: a bundled program that uses WebSockets needs it beside the bundle.
 */
export function loadWs(): typeof ws {
  loaded ??= createRequire(import.meta.url)('ws') as typeof ws;
  return loaded;
}
