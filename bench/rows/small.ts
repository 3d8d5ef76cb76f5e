import { binaryPayload } from '../payload.ts';
import { oneWayRow } from './one-way.ts';

const messageBytes = 100;

/** 100 bytes a message: what a system costs for each. */
export const small = oneWayRow({
  name: 'small',
  metric: { name: 'small', title: '100 B binary', unit: 'messages/s', better: 'higher' },
  messageBytes,
  perMessage: 1,
  payload: () => binaryPayload(messageBytes),
});
