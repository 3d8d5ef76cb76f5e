import type { ExplanationLine, ReachState } from '../../api/explanation.ts';
import { scopeOf } from '../../base/host-scope.ts';
import type { BookEntry } from '../../discovery/address-book.ts';
import type { PastConnection, PastFailure } from '../../peers/past-failures.ts';
import { ageText } from './age-text.ts';
import { failureAdvice } from './failure-advice.ts';
import type { ExplainSources } from './sources.ts';

/** The most failed dials that are listed, the latest first. */
const maxDialLines = 8;

/** Matches refusals that are caused by a limit. */
const limitText = /\blimits\.|as many connections as it allows/;

/** The explanation of a node without a connection. */
export function explainAbsence(
  id: string,
  sources: ExplainSources,
): { readonly state: ReachState; readonly lines: readonly ExplanationLine[] } {
  const { peering, finder } = sources;
  const denied = deniedLines(id, sources);
  const dials = dialLines(id, sources);
  const handshake = peering.peers.failures.handshakeOf(id);
  const past = peering.peers.failures.connectionWith(id);
  const heard = heardLines(id, sources);
  const addresses = addressLines(id, sources);
  const lines = [
    ...denied,
    ...dials,
    ...(handshake === undefined ? [] : [handshakeLine(handshake, sources)]),
    ...(past === undefined ? [] : [pastLine(past, sources)]),
    ...reconnectLines(id, sources),
    ...addresses,
    ...heard,
  ];
  const failedAgeMs = Math.min(
    ...dials.map(({ ageMs }) => ageMs!),
    ...(handshake === undefined ? [] : [ageOf(handshake, sources)]),
  );
  if (denied.length > 0) return { state: 'denied', lines };
  if (past !== undefined && ageOf(past, sources) < failedAgeMs) return { state: 'ended', lines };
  if (failedAgeMs < Number.POSITIVE_INFINITY) return { state: 'failed', lines };
  const isKnown = addresses.length > 0 || heard.length > 0;
  const isFound = finder.known.entriesOf(id).length > 0 || finder.known.contactOf(id) !== undefined;
  if (isKnown || isFound) return { state: 'known', lines: [...lines, ...toDialLines(sources)] };
  return { state: 'unknown', lines: [...lines, ...unknownLines(sources)] };
}

/** Lines about the latest failed attempts to reach another node. */
export function dialLines(id: string, sources: ExplainSources): readonly ExplanationLine[] {
  const { peering, finder } = sources;
  const keys = new Set(finder.known.entriesOf(id).map(({ key }) => key));
  for (const text of finder.known.contactOf(id)?.addresses ?? []) keys.add(text);
  const failures = peering.peers.failures.dialsOf(id, keys).slice(0, maxDialLines);
  return failures.map((failure) => failureLine(failure, sources, `dialling ${failure.address} failed`));
}

function handshakeLine(failure: PastFailure, sources: ExplainSources): ExplanationLine {
  return failureLine(failure, sources, `it dialled this node, from ${failure.address}, in vain`);
}

function failureLine(failure: PastFailure, sources: ExplainSources, what: string): ExplanationLine {
  const { address, code, message, attempts } = failure;
  const ageMs = ageOf(failure, sources);
  const { about, advice } = failureAdvice(code);
  const times = attempts > 1 ? ` (${attempts} times in a row)` : '';
  return {
    about: limitText.test(message) ? 'limit' : about,
    text: `${what} ${ageText(ageMs)} ago${times}: ${message}`,
    advice,
    ...(code && { code }),
    address,
    ageMs,
  };
}

function pastLine(past: PastConnection, sources: ExplainSources): ExplanationLine {
  const { direction, address, reason } = past;
  const ageMs = ageOf(past, sources);
  const by = { us: 'this node ended it', them: 'the other node ended it', link: 'the link broke' }[reason.by];
  const isLost = reason.by === 'link';
  return {
    about: 'connection',
    text: `the last connection (${direction}) ended ${ageText(ageMs)} ago; ${by}: ${reason.message}`,
    ...(isLost && { advice: 'connect with { reconnect: true }, so that a connection outlives its links' }),
    code: reason.code,
    address,
    ageMs,
  };
}

function deniedLines(id: string, { options }: ExplainSources): readonly ExplanationLine[] {
  const { allow, deny } = options;
  if (deny.has(id)) {
    return [
      {
        about: 'admission',
        text: 'the option deny of this node lists it',
        advice: 'take its id off the list',
      },
    ];
  }
  if (allow === undefined || allow.has(id)) return [];
  const text = 'this node admits only the ids of its option allow, and it is not one of them';
  return [{ about: 'admission', text, advice: 'add its id to the list' }];
}

function reconnectLines(id: string, { peering }: ExplainSources): readonly ExplanationLine[] {
  if ((peering.peers.find(id)?.watches ?? 0) === 0) return [];
  return [{ about: 'reconnect', text: 'this node keeps trying to reach it, with growing delays' }];
}

function addressLines(id: string, sources: ExplainSources): readonly ExplanationLine[] {
  const { finder, options } = sources;
  const lines = finder.known.entriesOf(id).map((entry) => entryLine(entry, sources));
  const contact = finder.known.contactOf(id);
  if (contact?.record === undefined) return lines;
  const ageMs = Math.max(0, options.runtime.wallNow() - contact.record.sequence);
  const told = contact.record.addresses.join(', ');
  lines.push({
    about: 'address',
    text: `it says in a record that it signed ${ageText(ageMs)} ago that it listens on ${told}`,
    ...(contact.addresses.length === 0 && {
      advice:
        'this node may dial none of them: they are private, and a node with a public address told of them (neighbourhood: { privateAddresses: true } allows it)',
    }),
    ageMs,
  });
  return lines;
}

function entryLine(entry: BookEntry, sources: ExplainSources): ExplanationLine {
  const { key, source, standing, provenAtMs, lastConnectedAt, address } = entry;
  const { runtime } = sources.options;
  const how = { given: 'was given', seen: 'was learned from itself', told: 'was told by others' }[standing];
  const proof =
    provenAtMs !== undefined
      ? `this node reached it there ${ageText(runtime.now() - provenAtMs)} ago`
      : lastConnectedAt !== undefined
        ? `the two were connected ${ageText(Math.max(0, runtime.wallNow() - lastConnectedAt))} ago`
        : 'this node has never reached it there';
  const isLoopback = scopeOf(address.host) === 'loopback';
  return {
    about: 'address',
    text: `${key} ${how} (${source}); ${proof}`,
    ...(isLoopback &&
      provenAtMs === undefined && {
        advice: 'it leads to this machine: if the node runs elsewhere, use its own address',
      }),
    address: key,
  };
}

/** Lines about signs of life that do not come from the node itself. */
function heardLines(id: string, sources: ExplainSources): readonly ExplanationLine[] {
  const { broadcasts, presence, options } = sources;
  const lines: ExplanationLine[] = [];
  const path = broadcasts.pathTo(id);
  if (path !== undefined) {
    const ageMs = options.runtime.now() - path.arrivedAtMs;
    const text = `its latest broadcast came ${ageText(ageMs)} ago, over ${path.via} and ${path.hops} links: broadcasts reach it, and SecureNode.sendTo does`;
    lines.push({ about: 'broadcasts', text, ageMs });
  }
  if (presence?.has(id)) {
    lines.push({ about: 'broadcasts', text: 'it is in the network, by its announcements (presence)' });
  }
  return lines;
}

function toDialLines({ membership }: ExplainSources): readonly ExplanationLine[] {
  if (membership === undefined) {
    return [
      { about: 'node', text: 'nothing asked for a connection', advice: 'call connectWithNode with its id' },
    ];
  }
  const { active } = membership;
  return [
    {
      about: 'neighbourhood',
      text: `this node chooses its neighbours by itself and has ${active.length}: no node is connected with all others`,
      advice: 'broadcasts reach it all the same; call connectWithNode with its id for a connection',
    },
  ];
}

function unknownLines({ peering, options }: ExplainSources): readonly ExplanationLine[] {
  const peers = peering.peers.connections.size;
  if (peers > 0) {
    return [
      {
        about: 'discovery',
        text: `no address of it is known here; this node has ${peers} ${peers === 1 ? 'peer' : 'peers'} to ask`,
        advice: 'call connectWithNode with its id: it asks the peers. If that fails too, use its address',
      },
    ];
  }
  const advice =
    options.discovery.length === 0
      ? 'connect by its address, or give this node a discovery such as bootstrap([…])'
      : 'connect by its address, and see whether discovery finds any node (node.knownNodes)';
  const text = 'no address of it is known here, and this node has no peer to ask';
  return [{ about: 'discovery', text, advice }];
}

function ageOf({ atMs }: { readonly atMs: number }, { options }: ExplainSources): number {
  return Math.max(0, options.runtime.now() - atMs);
}
