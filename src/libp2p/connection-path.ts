import type { Connection } from '@libp2p/interface';
import type { LinkPath } from '../transport/link-path.ts';
import { isRelayed, isWebRtc, relayOf } from './multiaddr-text.ts';

/** Returns the path of a libp2p connection, with the remaining limits of its relay. */
export function pathOf({ remoteAddr, limits }: Connection, secondsLeft: number | undefined): LinkPath {
  const text = remoteAddr.toString();
  if (isWebRtc(text)) return { kind: 'webrtc' };
  if (!isRelayed(text)) return { kind: 'direct' };
  const { bytes } = limits ?? {};
  const bytesLeft = bytes === undefined ? undefined : Number(bytes);
  return { kind: 'relayed', relay: { id: relayOf(text) ?? '', bytesLeft, secondsLeft } };
}

/** Describes the limits of a relay for the user. `undefined` if there are none. */
export function limitsText({ relay }: LinkPath): string | undefined {
  if (relay === undefined || (relay.bytesLeft === undefined && relay.secondsLeft === undefined))
    return undefined;
  const bytes = relay.bytesLeft === undefined ? [] : [`${relay.bytesLeft} bytes`];
  const seconds = relay.secondsLeft === undefined ? [] : [`${relay.secondsLeft} s`];
  const limits = [...bytes, ...seconds].join(' or ');
  return `the relay ${relay.id} ends this connection after ${limits}: the connection moves to another way, or through the relay anew, before that; a relay without limits is faster`;
}
