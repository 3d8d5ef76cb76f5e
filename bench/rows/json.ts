import { decodeJson, jsonPayload } from '../payload.ts';
import { oneWayRow } from './one-way.ts';

/** Objects of about 100 bytes: stringify and parse are part of the figure. */
export const json = oneWayRow({
  name: 'json',
  metric: { name: 'json', title: '100 B JSON', unit: 'messages/s', better: 'higher' },
  messageBytes: 100,
  perMessage: 1,
  payload: jsonPayload,
  varies: true,
  encodesEach: true,
  decode: decodeJson,
});
