import { createHash } from 'node:crypto';
import type { Data } from '../../base/data.ts';

/** The fingerprints of the messages that a node sent and received, by the name of the peer. */
export interface Ledger {
  readonly sent: Readonly<Record<string, readonly string[]>>;
  readonly received: Readonly<Record<string, readonly string[]>>;
}

/** The sum of all ledgers. */
export interface Tally {
  readonly sent: number;
  readonly received: number;
  /** How many messages did not arrive, or arrived changed. */
  readonly lost: number;
  /** How many messages arrived that no node sent. */
  readonly strange: number;
}

/** A text that is equal only for equal data of the same type. */
export function fingerprint(data: Data): string {
  const isBinary = ArrayBuffer.isView(data);
  const type = isBinary ? (data as Uint8Array)[Symbol.toStringTag] : typeof data;
  const content = isBinary
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : JSON.stringify(data);
  return createHash('sha256').update(`${type}:`).update(content).digest('base64');
}

/** Compares the messages that each node sent with those that its peer received. */
export function tally(ledgers: ReadonlyMap<string, Ledger>): Tally {
  const total = { sent: 0, received: 0, lost: 0, strange: 0 };
  for (const [from, { sent }] of ledgers) {
    for (const [to, messages] of Object.entries(sent)) {
      total.sent += messages.length;
      total.lost += missing(messages, ledgers.get(to)?.received[from] ?? []);
    }
  }
  for (const [to, { received }] of ledgers) {
    for (const [from, messages] of Object.entries(received)) {
      total.received += messages.length;
      total.strange += missing(messages, ledgers.get(from)?.sent[to] ?? []);
    }
  }
  return total;
}

/** How many of the messages are missing in the others. */
function missing(messages: readonly string[], others: readonly string[]): number {
  const left = [...others];
  return messages.filter((message) => {
    const at = left.indexOf(message);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  }).length;
}
