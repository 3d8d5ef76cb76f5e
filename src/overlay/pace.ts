import type { OverlayPeer } from './overlay-peer.ts';

/** A time in round trips, within bounds. */
interface RoundTrips {
  readonly roundTrips: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** How long announcements wait for others that can travel in the same frame. */
const announceAfter: RoundTrips = { roundTrips: 2, minMs: 25, maxMs: 400 };

/** How long after the previous push the next one is sent, with all broadcasts that arrived meanwhile. */
const pushGap: RoundTrips = { roundTrips: 5 / 16, minMs: 10, maxMs: 62.5 };

/** How long the node waits for an announced broadcast to arrive over the tree, beyond its usual delay. */
const patience: RoundTrips = { roundTrips: 2, minMs: 100, maxMs: 2_000 };

export const maxPatienceMs = patience.maxMs;

/** Returns how long announcements to these neighbours wait, in milliseconds. */
export function announceDelayMs(peers: Iterable<OverlayPeer>): number {
  return ofFurthest(peers, announceAfter);
}

/**
 * Returns how long the node waits for a broadcast that one of these neighbours announced, in milliseconds.
 *
 * @param lagMs how long after an announcement broadcasts usually arrive over the tree, in milliseconds.
 */
export function patienceMs(peers: Iterable<OverlayPeer>, lagMs: number): number {
  return ofFurthest(peers, patience, lagMs);
}

/** Returns how long pushes to a neighbour are held at most, in milliseconds. 0 if they are not held. */
export function pushGapMs({ roundTripMs, isMeasured }: OverlayPeer): number {
  const gapMs = isMeasured ? Math.min(roundTripMs * pushGap.roundTrips, pushGap.maxMs) : 0;
  return gapMs < pushGap.minMs ? 0 : gapMs;
}

function ofFurthest(
  peers: Iterable<OverlayPeer>,
  { roundTrips, minMs, maxMs }: RoundTrips,
  plusMs = 0,
): number {
  let roundTripMs = 0;
  for (const peer of peers) roundTripMs = Math.max(roundTripMs, peer.roundTripMs);
  return Math.min(Math.max(roundTripMs * roundTrips + plusMs, minMs), maxMs);
}
