import type { NodeObserver } from '../../api/node-observer.ts';
import { printError } from '../../base/print-error.ts';
import type { Calls } from './calls.ts';

/** Notes each event of a node with the number of its connection, the same way while recording and in a replay. */
export function notedEvents(calls: Calls, note: (what: string) => void): NodeObserver {
  return {
    happened(event, peer) {
      const number = peer === undefined ? undefined : calls.numberOf(peer);
      note(number === undefined ? event : `${event} ${number}`);
    },
    sent() {},
    broadcast() {},
    failed(event, error) {
      printError(`A handler of ${event} failed; the node keeps running:`, error);
    },
  };
}
