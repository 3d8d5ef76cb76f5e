import { hasMethods, shown } from '../base/arguments.ts';
import type { Runtime } from '../base/runtime.ts';
import { isProtocolName, maxProtocols } from '../wire/frames/hello.ts';
import type { NodeConnection } from './node-connection.ts';

/** A peer that speaks a protocol, as the protocol sees the peer. */
export interface ProtocolPeer {
  /** The id of the node. */
  readonly id: string;
  /** The connection with it. */
  readonly connection: NodeConnection;
  /**
   * Sends bytes of the protocol, which arrive in the order in which they were sent. Do not change the bytes afterwards.
   *
   * @returns false above the high-water mark (`limits.queueHighWaterBytes`): wait for {@link ProtocolPeer.drained}
   * before sending more. False also once the protocol is closed for this peer; then nothing was sent.
   * @throws PeerloomError `ERR_QUEUE_FULL` (`limits.queueMaxBytes`); `ERR_MESSAGE_TOO_LARGE` above the peer's
   * `limits.maxMessageBytes`. TypeError for anything but bytes.
   */
  send(bytes: Uint8Array): boolean;
  /** Resolves when little waits to be sent, or when the connection has closed. */
  drained(): Promise<void>;
}

/** What a protocol gets from its node. */
export interface ProtocolHost {
  /** The node's id. */
  readonly id: string;
  /** The source of time and randomness. A protocol that uses only this one also runs in simulations. */
  readonly runtime: Runtime;
  /** The peers for which the protocol is open. */
  readonly peers: ReadonlySet<ProtocolPeer>;
  /** Prints a step if debugging is on (`debug`, or `DEBUG=peerloom:protocol`). */
  readonly log: (text: string) => void;
}

/**
 * A protocol that two nodes speak beside messages. Nodes name their protocols when they connect, and a protocol is open
 * for a peer that speaks it too. Its frames have their own window, so that slow message handlers never delay them, and
 * the same limits as messages.
 *
 * @example
 * class Gossip implements Protocol {
 *   readonly name = 'gossip/1';
 *   attach(host: ProtocolHost) { this.host = host; }
 *   opened(peer: ProtocolPeer) { peer.send(greeting); }
 *   received(peer: ProtocolPeer, bytes: Uint8Array) { … }
 *   closed(peer: ProtocolPeer) {}
 * }
 * new Node('127.0.0.1', 10001, { protocols: [new Gossip()] });
 */
export interface Protocol {
  /** Its name and version, such as `'gossip/1'`: 1 to 64 printable ASCII characters without spaces. */
  readonly name: string;
  /**
   * Whether its frames survive the loss of a link, if the connection does (`reconnect`). True: they are delivered once
   * the session has resumed. False: `closed` is called as soon as the link breaks and `opened` when there is another
   * link; frames that had not arrived are dropped. Default true.
   */
  readonly outlivesLinks?: boolean | undefined;
  /** Called once, in the constructor of the node. */
  attach(host: ProtocolHost): void;
  /** A peer speaks the protocol too. The node's connect handler has been called before. */
  opened(peer: ProtocolPeer): void;
  /**
   * Bytes have arrived, as the peer sent them, in their own memory. The next call does not wait for the promise of this
   * one, but bytes count against the peer's window until their promise has settled.
   *
   * If it throws or rejects, the connection with that peer ends: throw a PeerloomError to tell the peer why.
   */
  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void>;
  /** Called once for each `opened`. Nothing can be sent any more. */
  closed(peer: ProtocolPeer): void;
}

/** The protocol of broadcasts, which every node speaks. */
export const overlayProtocol = 'overlay/1';

/** One place in the hello is for the node's own protocol. */
const maxOwnProtocols = maxProtocols - 1;

const protocolMethods = [
  'attach',
  'opened',
  'received',
  'closed',
] as const satisfies readonly (keyof Protocol)[];

/** @throws TypeError with the rule and the value. */
export function checkProtocols(protocols: readonly Protocol[]): readonly Protocol[] {
  if (!Array.isArray(protocols)) {
    throw new TypeError(`protocols must be a list of Protocols, not ${shown(protocols)}`);
  }
  if (protocols.length > maxOwnProtocols) {
    throw new RangeError(`protocols must hold at most ${maxOwnProtocols} protocols, not ${protocols.length}`);
  }
  const names = new Set<string>();
  for (const protocol of protocols) {
    if (!hasMethods(protocol, protocolMethods)) {
      const list = protocolMethods.join(', ');
      throw new TypeError(`each of protocols must be a Protocol (${list}), not ${shown(protocol)}`);
    }
    const { name } = protocol;
    if (!isProtocolName(name)) {
      throw new TypeError(
        `the name of a protocol must be 1 to 64 printable ASCII characters such as 'gossip/1', not ${shown(name)}`,
      );
    }
    if (name === overlayProtocol)
      throw new TypeError(`'${name}' is the protocol of broadcasts: choose another name`);
    if (names.has(name)) throw new TypeError(`protocols must hold each name once; '${name}' is there twice`);
    names.add(name);
  }
  return [...protocols];
}
