import { decodeFloats, floatPayload } from '../payload.ts';
import { oneWayRow } from './one-way.ts';

const messageBytes = 4 * 1024 * 1024;

/** A tensor: a Float32Array of 4 MiB on both sides, aligned, ready to compute with. */
export const typedArray = oneWayRow({
  name: 'typed-array',
  metric: { name: 'typed-array', title: '4 MiB Float32Array', unit: 'MB/s', better: 'higher' },
  messageBytes,
  perMessage: messageBytes / 1e6,
  payload: () => floatPayload(messageBytes),
  decode: decodeFloats,
});
