import type { SlowNodeHandler } from '../api/events.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import { formatAddress } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';

/** The log line about a slow handler. */
export function slowText(
  id: string,
  { event, runsMs, waiting, waitingBytes, deliveries }: SlowNodeHandler,
): string {
  const seconds = Math.round(runsMs / 1_000);
  const what = event === 'node_request' ? 'requests wait for a handler to settle' : 'messages wait behind it';
  const runs =
    event === 'node_request'
      ? `all handlers of ${event} that may run at once for ${id} have been running for ${seconds} s`
      : `a handler of ${event} for ${id} has been running for ${seconds} s`;
  const deadlock =
    deliveries === 0
      ? ''
      : `; it has called deliver() ${deliveries} times for the same node without an answer: if it awaits that, and the other side does the same, both wait for each other`;
  return `${runs}; ${waiting} ${what} (${waitingBytes} bytes)${deadlock}`;
}

/** The error for two processes with one identity that replace each other's connections. */
export function inUseElsewhere({ host, port }: NodeConnection): PeerloomError {
  const address = formatAddress({ scheme: undefined, host, port });
  return new PeerloomError(
    'ERR_IDENTITY_IN_USE',
    `another process with the identity of this node is connected with ${address}: give each process an identity of its own`,
  );
}
