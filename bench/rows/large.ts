import { binaryPayload } from '../payload.ts';
import { oneWayRow } from './one-way.ts';

const messageBytes = 1024 * 1024;

/** 1 MiB a message. */
export const large = oneWayRow({
  name: 'large',
  metric: { name: 'large', title: '1 MiB binary', unit: 'MB/s', better: 'higher' },
  messageBytes,
  perMessage: messageBytes / 1e6,
  payload: () => binaryPayload(messageBytes),
});
