import type { Connection, Stream } from '@libp2p/interface';
import type { TransportContext } from '../transport/transport.ts';
import { ConnectionUses } from './connection-uses.ts';
import { createEngine, type Engine } from './engine.ts';
import type { EngineExtension } from './engine-extension.ts';
import { HolePunching } from './hole-punching.ts';
import { InboundGate } from './inbound-gate.ts';
import { ObservedAddress } from './observed-address.ts';
import { answerPings, maxPingStreams, pingProtocol } from './ping-answers.ts';
import type { Preset } from './preset.ts';
import { RelayKeeper } from './relay-keeper.ts';
import { RelayLimits } from './relay-limits.ts';
import { dropReservation, hasReservation } from './reservations.ts';
import { StaleConnections } from './stale-connections.ts';

/** What a link is, as a protocol of libp2p: the frames of docs/protocol.md, and nothing else. */
export const linkProtocol = '/peerloom/1';

/** The same in records with credit, over WebRTC, which cannot hold a sender back (credit-records.ts). */
export const creditProtocol = '/peerloom/1/credit';

/** Streams of one connection in each direction: one is a link, others end soon. */
export const maxLinkStreams = 32;

/** A node of libp2p that runs, with what belongs to it. */
export interface Running extends Engine {
  readonly gate: InboundGate;
  readonly uses: ConnectionUses;
  readonly relays: readonly RelayKeeper[];
  readonly observed: ObservedAddress;
  readonly relayLimits: RelayLimits;
  readonly punching: HolePunching | undefined;
}

export interface RunningDetails {
  readonly context: TransportContext;
  readonly preset: Preset;
  readonly extensions: readonly EngineExtension[];
  /** Another node has opened a link. */
  readonly onStream: (running: Running, stream: Stream, connection: Connection) => void;
}

/** Makes a node of libp2p and starts it. It listens nowhere yet. */
export async function startRunning({
  context,
  preset,
  extensions,
  onStream,
}: RunningDetails): Promise<Running> {
  const gate = new InboundGate(context);
  const remembersNodes = extensions.some((one) => one.remembersNodes);
  const engine = await createEngine({ context, preset, gate, extensions });
  const { node } = engine;
  const { runtime, limits, log } = context;
  const relays = preset.relays.map((relay) => new RelayKeeper({ engine, relay, runtime, log }));
  const uses = new ConnectionUses({
    runtime,
    idleMs: limits.handshakeTimeoutMs,
    keeps: ({ remotePeer }) =>
      relays.some(({ id }) => id === remotePeer.toString()) || hasReservation(node, remotePeer.toString()),
  });
  const observed = new ObservedAddress(engine);
  const relayLimits = new RelayLimits(node);
  node.addEventListener('peer:identify', ({ detail }) => {
    observed.heard(detail);
    relayLimits.heard(detail);
    punching?.identified(detail);
  });
  const { ways, relayServer } = preset;
  const isPunching = ways.includes('relay') && ways.includes('tcp') && relayServer === undefined;
  const arrived = (connection: Connection): void => uses.arrived(connection);
  const punching = isPunching ? new HolePunching({ engine, runtime, log, arrived }) : undefined;
  const running = { ...engine, gate, uses, relays, observed, relayLimits, punching };
  const stale = relayServer === undefined ? undefined : new StaleConnections({ node, runtime, log });
  node.addEventListener('connection:open', ({ detail }) => {
    stale?.opened(detail);
    // Those to the servers of a DHT are outbound.
    if (detail.direction === 'inbound' || remembersNodes) uses.arrived(detail);
  });
  node.addEventListener('peer:disconnect', ({ detail }) => {
    dropReservation(node, detail);
    // What strangers say of themselves must not stay in memory.
    if (!remembersNodes) node.peerStore.delete(detail).catch(() => {});
  });
  await node.handle(
    [linkProtocol, creditProtocol],
    (stream, connection) => onStream(running, stream, connection),
    {
      maxInboundStreams: maxLinkStreams,
      maxOutboundStreams: maxLinkStreams,
      runOnLimitedConnection: true,
    },
  );
  await punching?.start();
  await node.handle(pingProtocol, (stream) => answerPings(stream, runtime), {
    maxInboundStreams: maxPingStreams,
    runOnLimitedConnection: true,
  });
  await node.start();
  return running;
}
