import type { NodeConnection } from '../api/node-connection.ts';
import type { Channel } from '../channel/channel.ts';
import type { Security } from '../transport/security.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';

/** A connection as the node sees it, from its channel to its last event. */
export interface PeerConnection {
  /** The user's object. */
  readonly connection: NodeConnection;
  readonly channel: Channel;
  readonly direction: 'inbound' | 'outbound';
  readonly security: Security;
  /** The instance text of the peer's present run. */
  readonly instance: string;
  /** True if the user has disconnected it. It does not prevent a new connection. */
  isLeaving: boolean;
  /** Whether handlers run that may still send a last message. The end waits for them. */
  readonly isTakingLeave: boolean;
  /** Resolves when the disconnect event has fired. */
  readonly ended: Promise<void>;
  /**
   * Fires the event that precedes the end, if there is one, and closes. Resolves when the disconnect event has fired.
   */
  disconnect(farewell: Goodbye): Promise<void>;
  /** Resolves when the disconnect event has fired. */
  close(farewell: Goodbye): Promise<void>;
}
