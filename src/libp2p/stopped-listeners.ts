import type { Listener } from '@libp2p/interface';
import type { Runtime } from '../base/runtime.ts';

/** The socket of a WebRTC listener, which libp2p creates with a native library. */
interface NativeSocket {
  close(): Promise<void>;
}

/** A libp2p listener. A WebRTC listener has such a socket once it listens. */
interface MaybeWebRtc extends Listener {
  readonly stunServer?: NativeSocket | undefined;
}

/**
 * How long closed sockets are kept, in milliseconds. A native thread may use a socket for a minute after it was closed.
 */
const keptMs = 120_000;

interface Kept {
  readonly socket: NativeSocket;
  readonly until: number;
}

/** The closed sockets. They must not be garbage-collected while a native thread may use them. */
let kept: Kept[] = [];

/**
 * Closes the WebRTC sockets among the listeners of a stopped node. When the first node of a process stops, libp2p
 * (`@libp2p/webrtc` 6.0.33) forgets the sockets of all nodes except one, and their threads would keep the process
 * running. Also, the native library (`node-datachannel` 0.33.4) aborts the process if a datagram arrives for a socket
 * that was garbage-collected.
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
