import type { Dispatcher } from '../api/dispatcher.ts';
import { checkGivenId } from '../api/given-id.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import { checkOptions, checkSignal, checkTimeout, shown } from '../base/arguments.ts';
import { attempt } from '../base/attempt.ts';
import type { Runtime } from '../base/runtime.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import { defaultWaitMs, type WaitOptions } from '../channel/pending.ts';

/** How many peers to wait for, or the ids of the peers. */
export type WantedNodes = number | readonly string[];

interface Host {
  readonly connections: () => readonly NodeConnection[];
  readonly dispatcher: Dispatcher;
  readonly runtime: Runtime;
  /** Fires, with the reason, when the node stops. */
  readonly stopping: AbortSignal;
}

const connectedEvents = ['inbound_node_connected', 'outbound_node_connected'] as const;

/**
 * Waits until a node is connected with the wanted number of peers, or with the wanted peers.
 *
 * @returns all connections; for ids, one connection for each, in the order of the ids.
 * @throws TypeError, RangeError; PeerloomError `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_NOT_STARTED` if the node stops.
 */
export async function waitForNodes(
  { connections, dispatcher, runtime, stopping }: Host,
  wanted: WantedNodes,
  options: WaitOptions = {},
): Promise<readonly NodeConnection[]> {
  checkWanted(wanted);
  checkOptions(options, ['timeoutMs', 'signal']);
  const { timeoutMs = defaultWaitMs, signal } = options;
  checkTimeout(timeoutMs);
  checkSignal(signal);
  stopping.throwIfAborted();
  let onConnected = (): void => {};
  const connected = new Promise<readonly NodeConnection[]>((resolve) => {
    onConnected = () => {
      const found = find(connections(), wanted);
      if (found !== undefined) resolve(found);
    };
    onConnected();
  });
  for (const event of connectedEvents) dispatcher.on(event, onConnected);
  try {
    const what = `waiting for ${typeof wanted === 'number' ? `${wanted} nodes` : wanted.join(', ')}`;
    return await attempt({ what, timeoutMs, runtime, stopping, signal }, (ending) =>
      unlessAborted(connected, ending),
    );
  } finally {
    for (const event of connectedEvents) dispatcher.off(event, onConnected);
  }
}

function find(
  connections: readonly NodeConnection[],
  wanted: WantedNodes,
): readonly NodeConnection[] | undefined {
  if (typeof wanted === 'number') return connections.length >= wanted ? connections : undefined;
  const found = wanted.flatMap((id) => connections.find((connection) => connection.id === id) ?? []);
  return found.length === wanted.length ? found : undefined;
}

function checkWanted(wanted: unknown): void {
  if (Number.isSafeInteger(wanted) && (wanted as number) >= 0) return;
  if (Array.isArray(wanted) && wanted.every((id) => typeof id === 'string')) {
    for (const id of wanted) checkGivenId('waitForNodes', id);
    return;
  }
  throw new TypeError(
    `waitForNodes takes a whole number of at least 0, or a list of ids, not ${shown(wanted)}`,
  );
}
