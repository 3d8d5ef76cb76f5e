import type { Listener } from '@libp2p/interface';
import type { Runtime } from '../base/runtime.ts';

/** The socket of a listener of WebRTC, which libp2p made with a native library. */
interface NativeSocket {
  close(): Promise<void>;
}

/** A listener of libp2p. One of WebRTC has such a socket once it listens. */
interface MaybeWebRtc extends Listener {
  readonly stunServer?: NativeSocket | undefined;
}

/** A thread of the native library may look at a socket for a minute after that was closed, in milliseconds. */
const keptMs = 120_000;

interface Kept {
  readonly socket: NativeSocket;
  readonly until: number;
}

/** They must not be collected as garbage as long as a thread may look at them. */
let kept: Kept[] = [];

/**
 * Closes the sockets of WebRTC among the listeners of a node that has stopped. libp2p (`@libp2p/webrtc` 6.0.33) forgets
 * those of all nodes of the process but one when the first of them stops: their threads kept the process running. And the
 * native library (`node-datachannel` 0.33.4) aborts the process when a datagram arrives for a socket that the garbage
 * collector has freed.
 */
export async function closeSocketsOf(listeners: readonly Listener[], runtime: Runtime): Promise<void> {
  const now = runtime.now();
  kept = kept.filter(({ until }) => until > now);
  for (const { stunServer } of listeners as readonly MaybeWebRtc[]) {
    if (stunServer === undefined) continue;
    kept.push({ socket: stunServer, until: now + keptMs });
    await stunServer.close();
  }
}
