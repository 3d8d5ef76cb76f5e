import type { Data } from '../../base/data.ts';
import type { Steps } from '../../base/steps.ts';
import { countCborContainers } from './cbor-containers.ts';
import { CborReader } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';
import { type ShapeLimits, tooManyContainers } from './nesting.ts';

/** CBOR (RFC 8949) of data that has passed the check; typed arrays by RFC 8746. */
export function encodeCbor(data: Data): Uint8Array {
  const writer = new CborWriter();
  writer.write(data);
  return writer.end();
}

/** @throws Error if the bytes are not the CBOR of one value of {@link Data}, or exceed the limits. */
export function decodeCbor(body: Uint8Array, limits: ShapeLimits): Data {
  return readerOf(body, limits).readOn(Number.POSITIVE_INFINITY)!;
}

/** How many values, including keys, one step reads. */
const valuesAStep = 512;

/** {@link decodeCbor} in steps. */
export function* cborSteps(body: Uint8Array, limits: ShapeLimits): Steps<Data> {
  const reader = readerOf(body, limits);
  for (;;) {
    const data = reader.readOn(valuesAStep);
    if (data !== undefined) return data;
    yield;
  }
}

function readerOf(body: Uint8Array, { maxDepth, maxContainers }: ShapeLimits): CborReader {
  // Each container takes at least one byte. They are counted before anything is decoded.
  if (body.length > maxContainers && countCborContainers(body, maxContainers) > maxContainers) {
    throw new Error(tooManyContainers(maxContainers));
  }
  return new CborReader(body, maxDepth);
}
