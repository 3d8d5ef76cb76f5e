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

/** The libp2p protocol of a link. It carries the frames of docs/protocol.md, and nothing else. */
export const linkProtocol = '/peerloom/1';

/** The same in records with credit, for WebRTC, which has no backpressure (credit-records.ts). */
export const creditProtocol = '/peerloom/1/credit';

/** The most streams of one connection in each direction. One is a link, and the others end soon. */
export const maxLinkStreams = 32;

/** A running libp2p node, with its helpers. */
export interface Running extends Engine {
  readonly gate: InboundGate;
  readonly uses: ConnectionUses;
  readonly relays: readonly RelayKeeper[];
  readonly observed: ObservedAddress;
  readonly relayLimits: RelayLimits;
  readonly punching: HolePunching | undefined;
  readonly stale: StaleConnections | undefined;
}

export interface RunningDetails {
  readonly context: TransportContext;
  readonly preset: Preset;
  readonly extensions: readonly EngineExtension[];
  /** Called when another node has opened a link. */
  readonly onStream: (running: Running, stream: Stream, connection: Connection) => void;
}

/** Creates a libp2p node and starts it. It does not listen yet. */
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
  const stale = relayServer === undefined ? undefined : new StaleConnections({ node, runtime, log });
  const running = { ...engine, gate, uses, relays, observed, relayLimits, punching, stale };
  node.addEventListener('connection:open', ({ detail }) => {
    stale?.opened(detail);
    // Connections with DHT servers are outbound.
    if (detail.direction === 'inbound' || remembersNodes) uses.arrived(detail);
  });
  node.addEventListener('peer:disconnect', ({ detail }) => {
    dropReservation(node, detail);
    // What strangers report about themselves must not stay in memory.
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
