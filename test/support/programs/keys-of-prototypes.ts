import type { Data } from '../../../src/index.ts';

/** Objects whose keys `Object.prototype` has as well, in the forms that travel as JSON and as CBOR. */
export const keysOfPrototypes: readonly Data[] = [
  { toString: 1, valueOf: 'text' },
  { toString: 'x', bytes: Uint8Array.of(1) },
  { constructor: { hasOwnProperty: [{ isPrototypeOf: Number.NaN }] }, weights: Float32Array.of(1.5) },
  JSON.parse('{ "__proto__": { "constructor": 1 } }'),
  [JSON.parse('{ "__proto__": { "constructor": 1 } }'), Uint8Array.of(2)],
];
