import { binaryPayload } from '../payload.ts';
import type { Metric, Row } from '../row.ts';
import { oneWayRow } from './one-way.ts';

/** What a system costs for each message. */
export const small = binaryRow(100, { name: 'small', title: '100 B binary', unit: 'messages/s' });

export const medium = binaryRow(64 * 1024, { name: 'medium', title: '64 KiB binary', unit: 'MB/s' });

export const large = binaryRow(1024 * 1024, { name: 'large', title: '1 MiB binary', unit: 'MB/s' });

/** The same by the processor time of the busier process, which what else the machine does changes little. */
export const smallCpu = binaryRow(
  100,
  { name: 'small-cpu', title: '100 B binary, busier process', unit: 'messages/CPU s' },
  true,
);

export const largeCpu = binaryRow(
  1024 * 1024,
  { name: 'large-cpu', title: '1 MiB binary, busier process', unit: 'MB/CPU s' },
  true,
);

function binaryRow(messageBytes: number, metric: Omit<Metric, 'better'>, byProcessorTime = false): Row {
  return oneWayRow({
    byProcessorTime,
    name: metric.name,
    metric: { ...metric, better: 'higher' },
    messageBytes,
    perMessage: metric.unit.startsWith('MB') ? messageBytes / 1e6 : 1,
    payload: () => binaryPayload(messageBytes),
  });
}
