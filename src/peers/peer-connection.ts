import type { NodeConnection } from '../api/node-connection.ts';
import type { Channel } from '../channel/channel.ts';
import type { Security } from '../transport/security.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';

/** A connection as the node sees it, from its channel to its last event. */
export interface PeerConnection {
  /** What the user holds. */
  readonly connection: NodeConnection;
  readonly channel: Channel;
  readonly direction: 'inbound' | 'outbound';
  readonly security: Security;
  /** The run of the peer. */
  readonly instance: string;
  /** The user has disconnected it: it does not stand in the way of a new one. */
  isLeaving: boolean;
  /** Handlers run that may still send a last message; its end waits for them. */
  readonly isTakingLeave: boolean;
  /** Resolves when the disconnect event has fired. */
  readonly ended: Promise<void>;
  /** Fires the event before the end, if there is one, then closes. Resolves when the disconnect event has fired. */
  disconnect(farewell: Goodbye): Promise<void>;
  /** Resolves when the disconnect event has fired. */
  close(farewell: Goodbye): Promise<void>;
}
