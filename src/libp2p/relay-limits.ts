import type { Connection } from '@libp2p/interface';

/** Of the bytes that a relay allows, what neither side sends of its own: libp2p needs them. */
const reservedShare = 1 / 8;

/** A connection has to be replaced when less is left of what the relay allowed at first. */
const leastBytesShare = 3 / 4;
const leastSecondsShare = 1 / 2;
const leastSeconds = 30;

/**
 * How many bytes one side may send over a relayed connection: half of what the relay allows, because neither side knows
 * how much of the other's is under way. `undefined`: the relay names no limit.
 */
export function ownShareOf({ limits }: Connection): number | undefined {
  if (limits?.bytes === undefined) return undefined;
  return Math.floor((Number(limits.bytes) * (1 - reservedShare)) / 2);
}

/** @returns whether the relay will end the connection soon, whenever it is called. */
export function isNearItsLimits({ limits }: Connection): () => boolean {
  const { bytes, seconds } = limits ?? {};
  const leastBytes = Number(bytes ?? 0) * leastBytesShare;
  const least = Math.min(leastSeconds, (seconds ?? 0) * leastSecondsShare);
  return () =>
    (bytes !== undefined && Number(limits!.bytes) < leastBytes) ||
    (seconds !== undefined && limits!.seconds! < least);
}
