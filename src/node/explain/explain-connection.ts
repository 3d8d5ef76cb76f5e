import type { ExplanationLine, ReachState } from '../../api/explanation.ts';
import type { NodeConnection } from '../../api/node-connection.ts';
import { formatAddress } from '../../base/address.ts';
import { Holder } from '../../peers/holder.ts';
import type { Peer } from '../../peers/peer.ts';
import type { PeerConnection } from '../../peers/peer-connection.ts';
import { ageText } from './age-text.ts';
import { dialLines } from './explain-absence.ts';
import type { ExplainSources } from './sources.ts';

/** The explanation of a node with a connection, perhaps a broken one. */
export function explainConnection(
  peer: Peer,
  state: ReachState,
  sources: ExplainSources,
): readonly ExplanationLine[] {
  const live = peer.connection!;
  const way = wayLine(live);
  if (state === 'closing') return [way];
  if (state === 'suspended') return [way, ...suspendedLines(peer, live.connection, sources)];
  return [
    way,
    ...securityLines(live.connection),
    ...queueLines(live, sources),
    ...holderLines(peer),
    ...clockLines(peer.id, sources),
  ];
}

function wayLine({ connection, channel }: PeerConnection): ExplanationLine {
  const { direction, host, port, security } = connection;
  const address = formatAddress({ scheme: undefined, host, port });
  const { roundTripMs } = channel.metrics();
  const roundTrip = roundTripMs === undefined ? '' : `; the last round trip took ${ageText(roundTripMs)}`;
  const who =
    direction === 'outbound' ? `this node dialled ${address}` : `it dialled this node, from ${host}`;
  return { about: 'connection', text: `${who}, over ${security.protocol}${roundTrip}`, address };
}

function securityLines({ security }: NodeConnection): readonly ExplanationLine[] {
  if (security.authenticated && security.encrypted) return [];
  const lacks = security.authenticated ? 'is not encrypted' : 'proves no id and is not encrypted';
  return [
    {
      about: 'connection',
      text: `the link ${lacks}: anybody on the way can read and change what it carries`,
      advice: 'dial with tls:// where the other side allows it',
    },
  ];
}

function queueLines({ channel }: PeerConnection, { options }: ExplainSources): readonly ExplanationLine[] {
  const { queuedBytes, unhandledMessages } = channel.metrics();
  const lines: ExplanationLine[] = [];
  if (queuedBytes > options.limits.queueHighWaterBytes) {
    lines.push({
      about: 'connection',
      text: `${queuedBytes} bytes wait to be sent: the other side, or the network, is slower than you send`,
      advice: 'await drained() when send() returns false',
    });
  }
  if (unhandledMessages > 0) {
    lines.push({
      about: 'connection',
      text: `${unhandledMessages} messages of it wait for handlers of this node`,
      advice: 'node_handler_slow names a handler that takes long',
    });
  }
  return lines;
}

/** Lines about why a working connection may end. */
function holderLines(peer: Peer): readonly ExplanationLine[] {
  if (peer.isHeldBy(Holder.user) || peer.isHeldBy(Holder.remote)) return [];
  return [
    {
      about: 'neighbourhood',
      text: 'only the neighbourhood of this node keeps the connection: it closes when other neighbours take its place',
      advice: 'call connectWithNode(id) to keep it',
    },
  ];
}

function clockLines(id: string, { broadcasts }: ExplainSources): readonly ExplanationLine[] {
  const gapMs = broadcasts.clockGapOf(id);
  if (gapMs === undefined) return [];
  const where = gapMs > 0 ? 'ahead of' : 'behind';
  return [
    {
      about: 'clock',
      text: `the times of its broadcasts are ${ageText(Math.abs(gapMs))} ${where} the clock of this node, which therefore drops them`,
      advice: 'set both clocks by NTP: one of the two is wrong',
    },
  ];
}

function suspendedLines(
  peer: Peer,
  { closeReason }: NodeConnection,
  sources: ExplainSources,
): readonly ExplanationLine[] {
  const broken: ExplanationLine = {
    about: 'session',
    text: `the link broke: ${closeReason?.message ?? 'it is not known why'}. What you send is kept until another one is there`,
    ...(closeReason && { code: closeReason.code }),
  };
  const { sessionTimeoutMs } = sources.options.limits;
  const next: ExplanationLine =
    peer.watches > 0
      ? { about: 'reconnect', text: 'this node keeps trying to reach it, with growing delays' }
      : {
          about: 'reconnect',
          text: `the other node dialled, so it has to dial again; this node waits for it, ${ageText(sessionTimeoutMs)} in all (limits.sessionTimeoutMs)`,
        };
  return [broken, next, ...dialLines(peer.id, sources)];
}
