import type { NodeConnection } from '../api/node-connection.ts';
import { checkProtocols } from '../api/protocol.ts';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { type Limits, resolveLimits } from '../base/limits.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Channel } from '../channel/channel.ts';
import { isPeerId } from '../identity/identity.ts';
import { loadPart } from '../node/load-part.ts';
import { Node } from '../node/node.ts';
import type { SendReport, SendToNodesOptions } from '../node/send-to-many.ts';
import { DataKeys, onlySigns } from './data-keys.ts';
import { hashOf } from './digest.ts';
import { type Envelope, PendingEnvelope } from './envelope.ts';
import { ErrandPlaces } from './errand-places.ts';
import { encryptionKeysOf, HpkeOpener } from './hpke.ts';
import type { Mail } from './letter-content.ts';
import type { Neighbour } from './neighbour.ts';
import { type NetworkMap, networkMapOf } from './network-map.ts';
import { Notary } from './notary.ts';
import { PeerTurns } from './peer-turns.ts';
import { PostOffice } from './post-office.ts';
import { SecureChannel } from './secure-channel.ts';
import {
  resolveSecureOptions,
  type SecureNodeOptions,
  type SecureWaitOptions,
  timeoutOf,
} from './secure-options.ts';
import { SecureProtocol } from './secure-protocol.ts';
import { storeBoundsOf } from './vault/store-usage.ts';
import { Vault } from './vault/vault.ts';
import { VaultEngine, type VaultSetup } from './vault/vault-engine.ts';

/** The part of the memory budget that letters of neighbours may take while they are under way. */
const placesShareOfBudget = 1 / 8;

/**
 * A node that signs its messages, and checks the messages that it receives before any event fires. A message that is
 * altered, forged, late or repeated fires `node_message_rejected` and reaches no handler. All nodes of the network must
 * be SecureNodes. See docs/secure-node.md.
 *
 * If the option `identity` is a `Signer`, messages leave when they are signed, in the order in which they were sent.
 * Such a node cannot decrypt, so `sendTo`, `decrypt` and the vault fail with `ERR_NOT_SUPPORTED`. With an identity in a
 * store, everything works.
 *
 * @example
 * class Diary extends SecureNode {
 *   override nodeMessage(_peer: NodeConnection, data: Data) {
 *     console.log(`${this.message?.author} wrote ${data}`);
 *   }
 * }
 * const node = new Diary('127.0.0.1', 10001);
 * await node.start();
 */
export class SecureNode extends Node {
  readonly #notary: Notary;
  readonly #dataKeys: DataKeys;
  readonly #post: PostOffice;
  readonly #places: ErrandPlaces;
  /** The turns in which this node computes for other nodes. */
  readonly #turns: PeerTurns;
  readonly #runtime: Runtime;
  readonly #limits: Limits;
  readonly #vaultSetup: VaultSetup | undefined;
  #vault: Vault | undefined;
  #engine: VaultEngine | undefined;
  #message: Envelope | undefined;
  #duplicates = 0;

  /**
   * @param host as in {@link Node}.
   * @param port as in {@link Node}.
   * @throws TypeError or RangeError for wrong arguments.
   * @throws PeerloomError `ERR_IDENTITY_…` for the identity file, `ERR_VAULT_FILE` for the file of the vault.
   */
  constructor(host: string, port: number, options: SecureNodeOptions = {}) {
    const { timeWindowMs, maxSeenMessages, vault, signer, identity, rest } = resolveSecureOptions(options);
    const protocol = new SecureProtocol();
    super(host, port, {
      ...rest,
      identity: signer,
      protocols: [...checkProtocols(rest.protocols ?? []), protocol],
    });
    const runtime = this.checkedRuntime;
    this.#runtime = runtime;
    const opener = identity && new HpkeOpener(() => encryptionKeysOf(identity), runtime);
    this.#dataKeys = new DataKeys({ signer, opener, runtime });
    this.#notary = new Notary({
      identity: signer,
      runtime,
      timeWindowMs,
      maxSeenMessages,
      onSignerFailure: (error) => this.reportFailure(error),
    });
    this.#turns = new PeerTurns(runtime);
    const limits = resolveLimits(rest.limits);
    this.#limits = limits;
    const { maxMessageBytes, memoryBudgetBytes } = limits;
    this.#places = new ErrandPlaces(memoryBudgetBytes * placesShareOfBudget);
    this.#post = new PostOffice({
      notary: this.#notary,
      runtime,
      maxMessageBytes,
      viaOf: (id) => this.route(id)?.via.id,
      places: this.#places,
      opener,
      respond: (mail, letter, neighbour) => this.#respond(mail, letter, neighbour),
    });
    protocol.use({
      notary: this.#notary,
      runtime,
      limits,
      budget: this.memoryBudget,
      onOpened: (neighbour) => {
        this.#post.opened(neighbour);
        this.#engine?.onConnected();
      },
      onClosed: (neighbour) => {
        this.#post.closed(neighbour);
        this.#turns.cancel(neighbour);
      },
      respond: (request, neighbour) => this.#post.respond(request, neighbour),
      relay: (request, neighbour) => this.#post.relay(request, neighbour),
      relayed: (answer, neighbour) => this.#post.answered(answer, neighbour),
    });
    const network = {
      ask: (to: string, topic: string, data: Data, timeoutMs: number) =>
        this.#post.ask(to, { topic, data }, timeoutMs),
      openStream: (to: readonly string[], data: Data, timeoutMs: number) =>
        this.#post.openStream(to, data, timeoutMs),
      neighbours: () => [...this.#post.neighbours.keys()],
    };
    this.#vaultSetup = identity &&
      opener && {
        ...vault,
        ...storeBoundsOf(vault ?? {}, memoryBudgetBytes),
        identity,
        opener,
        runtime,
        network,
        maxMessageBytes,
      };
    this.#places.onGrowth = this.#notary.onGrowth = this.memoryBudget.grew;
    this.memoryBudget.share(
      () => this.#places.heldBytes + this.#notary.heldBytes + (this.#engine?.store.heldBytes ?? 0),
    );
    if (vault?.path !== undefined) this.#openVault();
  }

  /**
   * The vault: data that this node owns, and data of other owners that this node may read.
   *
   * @throws PeerloomError `ERR_NOT_SUPPORTED` if the identity is a `Signer`; `ERR_NOT_STARTED` for a vault or an
   * identity in a store, until `start()` has resolved.
   */
  get vault(): Vault {
    this.#vault ??= new Vault(this.vaultEngine);
    return this.#vault;
  }

  /** @internal */
  get vaultEngine(): VaultEngine {
    return this.#engine ?? this.#openVault();
  }

  override openBeforeStart(): Promise<void> | undefined {
    // `message` is set only until a handler awaits. So a page loads the part that receives states before they come.
    const part = loadPart('states');
    return part instanceof Promise ? part.then(() => this.#openStoredVault()) : this.#openStoredVault();
  }

  #openStoredVault(): Promise<void> | undefined {
    const setup = this.#vaultSetup;
    if (setup?.store === undefined || this.#engine !== undefined) return undefined;
    return VaultEngine.open({ ...setup, store: setup.store }).then((engine) => void this.#use(engine));
  }

  override async releaseAfterStop(): Promise<void> {
    await super.releaseAfterStop();
    await this.#engine?.close();
  }

  /**
   * The signed message whose handlers run now: its author, time and data. It is there until a handler first awaits, so
   * read from it before that. Pass it on unchanged with `sendToNodes(this.message)`: receivers still see its author.
   */
  get message(): Envelope | undefined {
    return this.#message;
  }

  override sendToNodes(data: Data, options?: SendToNodesOptions): SendReport {
    const envelope = this.#notary.envelopeFor(data, 'message');
    // Each connection finds the pending envelope by its letter, and sends it when it is signed.
    return super.sendToNodes(envelope instanceof PendingEnvelope ? envelope.letter : envelope, options);
  }

  /**
   * Sends data to any node of the network, encrypted so that only that node can read it (HPKE, RFC 9180). The nodes in
   * between see who writes to whom, when and how much. Resolves when the other node's handlers have run.
   *
   * @param data up to 4 MiB when encoded. For more, open a stream to a neighbour, or put the data into the vault.
   * @throws PeerloomError `ERR_NO_ROUTE` if no path leads to the node, `ERR_NOT_CONNECTED` without any connection,
   * `ERR_HANDLER` if a handler there threw, `ERR_MESSAGE_TOO_LARGE`; `ERR_NOT_SUPPORTED` if the identity of one of the
   * two nodes is a `Signer`.
   * @throws TypeError if the id is not the id of another node, or a message cannot hold the data.
   */
  async sendTo(id: string, data: Data, options?: SecureWaitOptions): Promise<void> {
    const isHandled = await this.#post.askEncrypted(
      this.#other(id),
      { topic: 'message', data },
      timeoutOf(options),
    );
    if (isHandled !== true) throw new PeerloomError('ERR_HANDLER', `a handler of ${id} failed`);
  }

  /**
   * Measures the round trip to any node of the network.
   *
   * @returns the round trip in milliseconds.
   * @throws PeerloomError `ERR_NO_ROUTE`, `ERR_NOT_CONNECTED`, `ERR_TIMEOUT`; `ERR_NOT_SUPPORTED` for a node that is
   * not a neighbour, if the identity of one of the two nodes is a `Signer`.
   */
  async ping(id: string, options?: SecureWaitOptions): Promise<number> {
    const start = this.#runtime.now();
    await this.#post.ask(this.#other(id), { topic: 'ping', data: null }, timeoutOf(options));
    return this.#runtime.now() - start;
  }

  /** Asks all nodes of the network for their neighbours. Each node answers for itself, with its signature. */
  async discover(options?: SecureWaitOptions): Promise<NetworkMap> {
    const statements = await this.#post.survey(timeoutOf(options));
    return networkMapOf(this.id, [...this.#post.neighbours.keys()], statements);
  }

  /** Returns the SHA-256 of the data's canonical JSON (RFC 8785), as 64 hexadecimal digits. */
  hash(data: Data): string {
    return hashOf(data);
  }

  /**
   * Returns this node's Ed25519 signature of the data in base64url, for {@link SecureNode.verify}. You may change the
   * data as soon as this returns the promise.
   *
   * @throws TypeError for data that no message can hold; PeerloomError `ERR_SIGNER` if the identity is a `Signer` and
   * fails.
   */
  sign(data: Data): Promise<string> {
    return this.#dataKeys.sign(data);
  }

  /** Returns whether the node with that id signed the data. */
  verify(id: string, data: Data, signature: string): boolean {
    return this.#dataKeys.verify(id, data, signature);
  }

  /** Encrypts data so that only the node with that id can {@link SecureNode.decrypt} it. */
  encrypt(id: string, data: Data): Promise<Uint8Array> {
    return this.#dataKeys.encrypt(id, data);
  }

  /**
   * Decrypts what {@link SecureNode.encrypt} encrypted for this node.
   *
   * @throws PeerloomError `ERR_DECRYPTION` if the data was altered, or encrypted for another node; `ERR_NOT_SUPPORTED`
   * if the identity is a `Signer`.
   */
  decrypt(encrypted: Uint8Array): Promise<Data> {
    return this.#dataKeys.decrypt(encrypted);
  }

  /**
   * A message was rejected. `messageCountRerr` counts it. The error's code says why:
   * `ERR_ENVELOPE_INVALID`, `ERR_TIME_WINDOW`, `ERR_REPLAYED`, `ERR_TOO_MANY_MESSAGES`, `ERR_HASH_MISMATCH`,
   * `ERR_SIGNATURE_INVALID`, `ERR_NOT_ADDRESSEE`; `ERR_DECRYPTION` for a letter.
   */
  override nodeMessageRejected(peer: NodeConnection, error: Error): unknown {
    return super.nodeMessageRejected(peer, error);
  }

  /**
   * Messages for all nodes that arrived again, because several neighbours passed them on. The node drops them; no event
   * fires.
   */
  get messageCountDuplicate(): number {
    return this.#duplicates;
  }

  /** @internal */
  override wrapChannel(channel: Channel): Channel {
    return new SecureChannel(channel, {
      ownId: this.id,
      runtime: this.#runtime,
      limits: this.#limits,
      notary: this.#notary,
      onGrowth: this.memoryBudget.grew,
      turns: this.#turns,
      onDuplicate: () => {
        this.#duplicates += 1;
      },
      serve: async ({ author, data }, stream) =>
        this.#vaultSetup !== undefined && this.vaultEngine.serve(data, author, stream),
      handle: (envelope, run) => this.#handle(envelope, run),
    });
  }

  #openVault(): VaultEngine {
    if (this.#vaultSetup === undefined) throw onlySigns('use a vault');
    if (this.#vaultSetup.store !== undefined) {
      throw new PeerloomError('ERR_NOT_STARTED', 'a vault in a store is open when start() has resolved');
    }
    return this.#use(new VaultEngine(this.#vaultSetup));
  }

  #use(engine: VaultEngine): VaultEngine {
    if (this.#vaultSetup?.path === undefined) engine.store.onGrowth = this.memoryBudget.grew;
    this.#engine = engine;
    return engine;
  }

  #handle<Result>(envelope: Envelope, run: (data: Data) => Result): Result {
    this.#message = envelope;
    try {
      return run(envelope.data);
    } finally {
      this.#message = undefined;
    }
  }

  async #respond({ topic, data }: Mail, letter: Envelope, neighbour: Neighbour): Promise<Data> {
    switch (topic) {
      case 'message':
        return neighbour.hand({ ...letter, data });
      case 'ping':
        return null;
    }
    const { author } = letter;
    return this.#turns.run(neighbour, (pace) => this.vaultEngine.respond(topic, data, author, pace));
  }

  #other(id: string): string {
    if (!isPeerId(id)) throw new TypeError(`id must be the id of a node, not '${id}'`);
    if (id === this.id) throw new TypeError('id must be the id of another node, not of this node');
    return id;
  }
}
