import { Dispatcher } from '../api/dispatcher.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import { TypedHandlers } from '../api/typed-handlers.ts';
import { errorOf } from '../base/arguments.ts';
import { checkedRuntime } from '../base/checked-runtime.ts';
import { createLog, type Log } from '../base/debug.ts';
import { Finder } from '../discovery/finder.ts';
import { StoredIdentity } from '../identity/identity-store.ts';
import type { Presence } from '../overlay/presence/presence.ts';
import { Peering } from '../peers/peering.ts';
import { Protocols } from '../protocols/protocols.ts';
import { Broadcasts } from './broadcasts.ts';
import { createMembership } from './create-membership.ts';
import { createPresence } from './create-presence.ts';
import { loadPart } from './load-part.ts';
import type { MembershipPart } from './membership-part.ts';
import { States } from './states/states.ts';

/** The objects that do a node's work. */
export interface NodeParts {
  /** The options, with a runtime whose failures the node reports. */
  readonly options: ResolvedOptions;
  readonly dispatcher: Dispatcher;
  readonly typedHandlers: TypedHandlers;
  readonly finder: Finder;
  /** `undefined`: the user chooses the neighbours. */
  readonly membership: MembershipPart | undefined;
  readonly presence: Presence | undefined;
  readonly broadcasts: Broadcasts;
  readonly protocols: Protocols;
  readonly states: States;
  readonly peering: Peering;
}

/**
 * Creates the parts of a node and connects them. Some refer to parts that are created later, which they first use when
 * the node starts.
 */
export function createParts(
  node: NodeConnection['mainNode'],
  address: { readonly host: string; readonly port: number },
  resolved: ResolvedOptions,
): NodeParts {
  const { callback, p2pnetwork } = resolved;
  const dispatcher = new Dispatcher(node, callback);
  // The code that called a failing function of the user returns first.
  const reportLater = (error: TypeError): void => queueMicrotask(() => dispatcher.warn(error, 'node_error'));
  const runtime = checkedRuntime(resolved.runtime, reportLater);
  const options = Object.freeze({ ...resolved, runtime });
  const { identity, network, limits, relayBroadcasts } = options;
  const { memoryBudget: budget, nodeMeter: meter } = node;
  const isDebugging = (): boolean => node.debug;
  const logOf = (part: string): Log => createLog(part, labelOf(options), isDebugging);
  const protocolLog = logOf('protocol');
  const typedHandlers = new TypedHandlers(dispatcher);
  const finder = new Finder({
    loadDialling: () => loadPart('dialling'),
    loadLookup: () => loadPart('lookup'),
    options,
    neighbours: () => membership?.current,
    dispatcher,
    budget,
    log: logOf('discovery'),
    peering: () => peering,
  });
  const membership = createMembership({
    options,
    peering: () => peering,
    onEntryNeeded: () => finder.wake(),
    onFailure: (error) => dispatcher.warn(errorOf(error), 'node_error'),
  });
  const presence = createPresence({
    options,
    broadcast: (payload) => broadcasts.announce(payload),
    dispatcher,
    budget,
  });
  const broadcasts: Broadcasts = new Broadcasts({
    identity,
    network,
    runtime,
    limits,
    budget,
    relayBroadcasts,
    dispatcher,
    log: protocolLog,
    membership,
    presence,
    parts: [finder, membership, presence].filter((part) => part !== undefined),
    pythonPeers: p2pnetwork.broadcasts ? () => peering.peers.connections.keys() : undefined,
    isStopping: () => peering.stopping.aborted,
    onStopping: (act) => peering.stopping.addEventListener('abort', act, { once: true }),
  });
  const protocols = new Protocols([...options.protocols, broadcasts.protocol], {
    identity,
    runtime,
    log: protocolLog,
    onFailure: (error, peer) => dispatcher.warn(error, 'node_error', peer),
  });
  const states = new States({
    dispatcher,
    budget,
    limits,
    runtime,
    log: logOf('protocol'),
    meter,
  });
  const peering: Peering = new Peering({
    node,
    ...address,
    options,
    dispatcher,
    typedHandlers,
    takeMessage: p2pnetwork.broadcasts ? (peer, data) => broadcasts.takeFromPython(peer, data) : undefined,
    takeStream: (stream) => states.take(stream),
    protocols,
    finding: finder,
    neighbours: membership,
    networkSecretOf,
    loadMover: () => loadPart('mover'),
    budget,
    meter,
    logOf,
  });
  if (presence !== undefined)
    peering.stopping.addEventListener('abort', () => presence.leave(), { once: true });
  return {
    options,
    dispatcher,
    typedHandlers,
    finder,
    membership,
    presence,
    broadcasts,
    protocols,
    states,
    peering,
  };
}

/** At once, or once a page has loaded what derives it. */
function networkSecretOf(networkKey: string): Uint8Array | Promise<Uint8Array> {
  const part = loadPart('networkSecrets');
  if (part instanceof Promise) return part.then((loaded) => loaded.networkSecretOf(networkKey));
  return part.networkSecretOf(networkKey);
}

/** Names the node in its log. */
function labelOf({ name, identity }: ResolvedOptions): string {
  return name || (identity instanceof StoredIdentity ? identity.name : identity.id.slice(-6));
}
