import { binaryPayload } from '../payload.ts';
import { oneWayRow } from './one-way.ts';

const messageBytes = 64 * 1024;

/** 64 KiB a message. */
export const medium = oneWayRow({
  name: 'medium',
  metric: { name: 'medium', title: '64 KiB binary', unit: 'MB/s', better: 'higher' },
  messageBytes,
  perMessage: messageBytes / 1e6,
  payload: () => binaryPayload(messageBytes),
});
