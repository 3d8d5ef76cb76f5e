import type { ConnectOptions } from '../api/connect-options.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import type { ProtocolHost, ProtocolPeer } from '../api/protocol.ts';
import type { Address } from '../base/address.ts';
import { isPeerloomError, PeerloomError } from '../base/errors.ts';
import { mayTell, scopeOf } from '../base/host-scope.ts';
import { type AddressRecord, isSignedByOwner } from '../overlay/membership/address-record.ts';
import type { Peering } from '../peers/peering.ts';
import { channelOf } from '../protocols/protocols.ts';
import { connectById } from './connect-by-id.ts';
import { Looks, type Sighting } from './looks.ts';
import { OwnAddressRecord } from './own-address-record.ts';
import { readQuestionFrame } from './question-frames.ts';
import { Questions } from './questions.ts';

export interface NodeLookupOptions {
  readonly options: ResolvedOptions;
  /** Returns the peering, which is created after this object. */
  readonly peering: () => Peering;
  /** Returns the known addresses of a node, the best first. */
  readonly known: (id: string) => readonly Address[];
  /** Returns the record of a node that may be passed on, if there is one. */
  readonly recordOf: (id: string) => AddressRecord | undefined;
  /** Asks the discoveries of the node. */
  readonly seek: (id: string, signal: AbortSignal) => Promise<readonly Address[]>;
  /** Parses an address. Returns `undefined` if no transport of the node reads the text, or dials the address. */
  readonly readAddress: (text: string) => Address | undefined;
}

/** Finds the addresses of a node by its id, and answers other nodes that look for one. */
export class NodeLookup {
  readonly #options: NodeLookupOptions;
  #host!: ProtocolHost;
  /** Created when first needed. */
  #questions: Questions<ProtocolPeer> | undefined;
  #looks: Looks<ProtocolPeer> | undefined;

  constructor(options: NodeLookupOptions) {
    this.#options = options;
  }

  attach(host: ProtocolHost): void {
    this.#host = host;
  }

  /** Handles a frame. @throws PeerloomError, which ends the connection. */
  received(peer: ProtocolPeer, bytes: Uint8Array): void {
    const frame = readQuestionFrame(bytes);
    if (frame.kind === 'look' || frame.kind === 'seen') this.#activeLooks.received(peer, frame);
    else this.#active.received(peer, frame);
  }

  closed(peer: ProtocolPeer): void {
    this.#questions?.closed(peer);
    this.#looks?.closed(peer);
  }

  stop(): void {
    this.#questions?.stop();
    this.#looks?.stop();
  }

  /** Asks a peer from which address it sees this node. Resolves with `undefined` if it does not answer. */
  async seenBy(connection: NodeConnection): Promise<Sighting | undefined> {
    const peer = this.#peers.find((each) => each.connection === connection);
    return peer && this.#activeLooks.ask(peer);
  }

  /** @throws TypeError; PeerloomError `ERR_NODE_UNKNOWN`, and the errors of `connectWithNode` with an address. */
  connect(id: string, options: ConnectOptions): Promise<NodeConnection> {
    const { connector } = this.#options.peering();
    if (options.id !== undefined && options.id !== id) {
      throw new TypeError(
        `id must be left out where the node is given by its id, or be the same, not '${options.id}'`,
      );
    }
    const { retry, ...once } = options;
    return connector.reporting(id, () =>
      retry ? connector.untilUp(id, options, () => this.#connectOnce(id, once)) : this.#connectOnce(id, once),
    );
  }

  async #connectOnce(id: string, options: ConnectOptions): Promise<NodeConnection> {
    const { peering, known, options: own } = this.#options;
    const { transports, stopping, peers, connector } = peering();
    if (id === own.identity.id) {
      throw new PeerloomError('ERR_SELF_CONNECTION', `${id} is this node itself: use the id of another node`);
    }
    await transports.whenListening();
    stopping.throwIfAborted();
    const connected = peers.find(id)?.connected();
    // A connection with `reconnect` needs the address, so an existing one is not enough.
    if (connected !== undefined && !options.reconnect) return connected.connection;
    return connectById(id, options, {
      runtime: own.runtime,
      stopping,
      timeoutMs: options.timeoutMs ?? own.limits.dialTimeoutMs,
      addressTimeoutMs: own.limits.dialAddressTimeoutMs,
      known: () => known(id),
      ask: (hops, signal) => this.#ask(id, hops, signal),
      seek: (signal) => this.#options.seek(id, signal),
      neighbours: () => this.#peers.length,
      reach: (address, dial) => connector.reach(address, dial),
    });
  }

  /**
   * Asks for the addresses of a node. The peer that brings a record may have chosen among several, so addresses count
   * as told by that peer.
   */
  async #ask(id: string, hops: number, signal: AbortSignal): Promise<readonly Address[]> {
    const answer = await this.#active.ask(id, hops, signal);
    if (answer === undefined) return [];
    const teller = scopeOf(channelOf(answer.from).remote.address.host);
    return answer.record.addresses.flatMap((text) => {
      const address = this.#options.readAddress(text);
      return address !== undefined && mayTell(teller, scopeOf(address.host)) ? address : [];
    });
  }

  get #peers(): readonly ProtocolPeer[] {
    return [...this.#host.peers].filter(({ connection }) => connection.isOpen && !connection.isSuspended);
  }

  get #active(): Questions<ProtocolPeer> {
    this.#questions ??= this.#createQuestions();
    return this.#questions;
  }

  get #activeLooks(): Looks<ProtocolPeer> {
    const { runtime } = this.#options.options;
    const addressOf = (peer: ProtocolPeer) => channelOf(peer).remote.address;
    this.#looks ??= new Looks({ runtime, send, addressOf });
    return this.#looks;
  }

  #createQuestions(): Questions<ProtocolPeer> {
    const { options, peering } = this.#options;
    const { identity, network, runtime } = options;
    const addresses = (): readonly string[] => peering().transports.addresses;
    const ownRecord = new OwnAddressRecord({ identity, network, runtime, addresses });
    return new Questions<ProtocolPeer>({
      runtime,
      peers: () => this.#peers,
      send,
      hostOf: (peer) => channelOf(peer).remote.address.host,
      idOf: ({ id }) => id,
      recordOf: (id, seenAs) => {
        const record = this.#options.recordOf(id);
        if (record !== undefined || id !== identity.id) return record;
        return ownRecord.seenAs(seenAs);
      },
      isSigned: (record) => isSignedByOwner(record, network),
    });
  }
}

/** Sends a frame. If the peer's queue is full, because it does not read, the frame is dropped. */
function send(peer: ProtocolPeer, frame: Uint8Array): void {
  try {
    peer.send(frame);
  } catch (error) {
    if (!isPeerloomError(error)) throw error;
  }
}
