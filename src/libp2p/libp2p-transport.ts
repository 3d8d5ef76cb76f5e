import type { Connection, Stream } from '@libp2p/interface';
import type { Address } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import type { LinkPath } from '../transport/link-path.ts';
import type { ExpectedPeer, Link, Transport, TransportContext } from '../transport/transport.ts';
import type { TransportReach } from '../transport/transport-reach.ts';
import { betterConnection } from './better-ways.ts';
import { limitsText, pathOf } from './connection-path.ts';
import { CreditLink } from './credit-link.ts';
import { explainDial } from './dial-errors.ts';
import { checkSelf, dialledText, forgetUndialled, readMultiaddr, usableConnection } from './dial-target.ts';
import { type Engine, stopEngine, transportManagerOf } from './engine.ts';
import type { EngineExtension } from './engine-extension.ts';
import { remoteAddressOf } from './inbound-gate.ts';
import { explainListen, textAddress } from './listen-errors.ts';
import {
  behindRelay,
  byWebRtc,
  isRelayed,
  isWebRtc,
  multiaddrTextOf,
  parseMultiaddr,
  relayOf,
} from './multiaddr-text.ts';
import type { Preset } from './preset.ts';
import { ownShareOf } from './relay-limits.ts';
import { creditProtocol, linkProtocol, maxLinkStreams, type Running, startRunning } from './running.ts';
import { StreamLink } from './stream-link.ts';
import { withUdpPort } from './udp-port.ts';

/** The most addresses that a hello names. */
const maxAddresses = 8;

/** How long a start waits for its relays, in milliseconds. After that, they are asked in the background. */
const relayStartMs = 5_000;

/** Makes links over a libp2p node, which runs from the first dial, or from the start of the node, until `close`. */
export class Libp2pTransport implements Transport {
  readonly schemes: readonly string[] = ['libp2p'];
  readonly #preset: Preset;
  readonly #extensions: EngineExtension[] = [];
  readonly #links = new Set<Link>();
  #context: TransportContext | undefined;
  #running: Promise<Running> | undefined;
  /** The value of {@link Libp2pTransport.#running} once the libp2p node runs. */
  #present: Running | undefined;
  #onLink: ((link: Link) => void) | undefined;
  #closing = new AbortController();

  constructor(preset: Preset) {
    this.#preset = preset;
  }

  attach(context: TransportContext): void {
    if (this.#context !== undefined) {
      throw new PeerloomError(
        'ERR_TRANSPORT_IN_USE',
        'a libp2p() transport belongs to one node: make one for each node',
      );
    }
    if (context.runtime.secretBytes !== undefined) {
      throw new TypeError(
        'libp2p() reaches beyond this process, but the seed of the runtime (runtime.secretBytes) decides the keys of this node, so they are not secret: use memory(), or a runtime without secretBytes',
      );
    }
    if (context.networkSecret !== undefined && this.#preset.ways.some((way) => way.startsWith('webrtc'))) {
      throw new TypeError(
        `libp2p(${this.#preset.name}()) uses WebRTC, which cannot check a networkKey: leave out the networkKey, or WebRTC (the option stun, and /webrtc-direct in listen)`,
      );
    }
    this.#context = context;
  }

  get preset(): Preset {
    return this.#preset;
  }

  /** Adds an extension to the libp2p node. Must be called before that node is created. */
  extend(extension: EngineExtension): void {
    if (this.#context !== undefined)
      throw new TypeError('make the discovery before the node that the transport belongs to');
    this.#extensions.push(extension);
  }

  /** Returns the running libp2p node. @throws TypeError if the transport does not belong to a node. */
  async engine(): Promise<Engine> {
    if (this.#context !== undefined) return this.#run();
    throw new TypeError('the transport of this discovery is not among the transports of the node');
  }

  reach(): TransportReach {
    const { relays = [], observed } = this.#present ?? {};
    return { relays: relays.map(({ place }) => place), seenAt: observed?.seenAt ?? [] };
  }

  parse(text: string): Address | undefined {
    return parseMultiaddr(text);
  }

  async listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]> {
    this.#onLink = onLink;
    const texts =
      address.text === undefined ? (this.#preset.listen ?? [multiaddrTextOf(address)]) : [address.text];
    const running = await this.#run();
    const { node, multiaddr } = running;
    try {
      const chosen = await Promise.all(texts.map(withUdpPort));
      if (chosen.length > 0) await transportManagerOf(node).listen(chosen.map((text) => multiaddr(text)));
    } catch (error) {
      // Its listeners may also fail while they close.
      await this.close().catch(() => {});
      throw explainListen(error, this.#preset.listen === undefined ? address : textAddress(texts));
    }
    await this.#reserve(running);
    if (this.#preset.relays.length > 0 && this.#preset.ways.includes('webrtc')) {
      await transportManagerOf(node).listen([multiaddr('/webrtc')]);
    }
    return this.#addresses(running);
  }

  async dial(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link> {
    signal.throwIfAborted();
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    const dialling = this.#dial(address, ending, expected);
    try {
      return await unlessAborted(dialling, ending);
    } catch (error) {
      if (!ending.aborted) throw error;
      dialling.then((link) => link.destroy()).catch(() => {});
      throw ending.reason;
    }
  }

  async close(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#closing.abort(new PeerloomError('ERR_ABORTED', 'the node is stopping'));
    const { gate, relays, punching, stale, ...engine } = await running;
    gate.isClosing = true;
    punching?.close();
    stale?.close();
    for (const relay of relays) relay.close();
    const links = [...this.#links];
    for (const link of links) link.destroy();
    await Promise.all(links.map(({ closed }) => closed));
    await stopEngine(engine, this.#context!.runtime);
    if (this.#running !== running) return;
    this.#running = undefined;
    this.#present = undefined;
    this.#closing = new AbortController();
  }

  #run(): Promise<Running> {
    if (this.#running !== undefined) return this.#running;
    const running = this.#start();
    this.#running = running;
    running.catch(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return running;
  }

  async #start(): Promise<Running> {
    const running = await startRunning({
      context: this.#context!,
      preset: this.#preset,
      extensions: this.#extensions,
      onStream: (of, stream, connection) => this.#accept(of, stream, connection),
    });
    this.#present = running;
    return running;
  }

  #accept(running: Running, stream: Stream, connection: Connection): void {
    const remoteAddress = remoteAddressOf(connection.remoteAddr.toString());
    const startedAt = this.#context!.runtime.now();
    const link = this.#link({ stream, connection, remoteAddress, startedAt, running });
    if (this.#onLink === undefined) link.destroy();
    else this.#onLink(link);
  }

  async #dial(address: Address, signal: AbortSignal, expected: ExpectedPeer | undefined): Promise<Link> {
    const startedAt = this.#context!.runtime.now();
    const running = await unlessAborted(this.#run(), signal);
    const { node, uses } = running;
    const text = dialledText(address, expected);
    const progress = { isConnected: false, isEncrypted: false };
    let connection: Connection | undefined;
    try {
      checkSelf(node, text);
      connection = usableConnection(node, text);
      if (connection === undefined) {
        connection = await node.dial(readMultiaddr(running, text), {
          signal,
          // Otherwise, if there is an older connection, libp2p ends the new one in the middle of its handshake.
          force: true,
          onProgress: ({ type }) => {
            if (type === 'upgrader:encrypt-outbound-connection') progress.isConnected = true;
            if (type === 'upgrader:multiplex-outbound-connection') progress.isEncrypted = true;
          },
        });
        uses.dialled(connection);
      }
      progress.isConnected = progress.isEncrypted = true;
      return await this.#openLink(running, { connection, remoteAddress: address, startedAt, signal });
    } catch (error) {
      if (connection !== undefined) uses.end(connection);
      else await forgetUndialled(node, text);
      signal.throwIfAborted();
      throw explainDial(error, address, progress);
    }
  }

  async #openLink(
    running: Running,
    parts: {
      readonly connection: Connection;
      readonly remoteAddress: Address;
      readonly startedAt: number;
      readonly signal: AbortSignal;
    },
  ): Promise<Link> {
    const { connection, signal } = parts;
    const isByWebRtc = isWebRtc(connection.remoteAddr.toString());
    const stream = await connection.newStream(isByWebRtc ? [creditProtocol, linkProtocol] : linkProtocol, {
      signal,
      runOnLimitedConnection: true,
      maxOutboundStreams: maxLinkStreams,
    });
    return this.#link({ ...parts, stream, running, isDialled: true });
  }

  /** Waits for a better connection with the same node, and makes a link over it. */
  async #improve(running: Running, connection: Connection, signal: AbortSignal): Promise<Link> {
    const { runtime, log } = this.#context!;
    const hasWebRtc = this.#preset.ways.includes('webrtc');
    const better = await betterConnection(
      { engine: running, connection, hasWebRtc, relayLimits: running.relayLimits, runtime, log },
      signal,
    );
    running.uses.dialled(better);
    try {
      const remoteAddress = remoteAddressOf(better.remoteAddr.toString());
      const startedAt = runtime.now();
      return await this.#openLink(running, { connection: better, remoteAddress, startedAt, signal });
    } catch (error) {
      running.uses.end(better);
      throw error;
    }
  }

  #link(parts: {
    readonly stream: Stream;
    readonly connection: Connection;
    readonly remoteAddress: Address;
    readonly startedAt: number;
    readonly running: Running;
    readonly isDialled?: boolean;
  }): Link {
    const { stream, connection, remoteAddress, startedAt, running, isDialled = false } = parts;
    const { uses, relayLimits } = running;
    const path = (): LinkPath => pathOf(connection, relayLimits.secondsLeftOf(connection));
    const { runtime, log } = this.#context!;
    const flow = new StreamLink({
      stream,
      remoteId: connection.remotePeer.toString(),
      remoteAddress,
      limitsByAddress: isRelayed(connection.remoteAddr.toString()) ? 'by peer' : true,
      startedAt,
      runtime,
      path,
      allowance: ownShareOf(connection),
      ...(isDialled &&
        path().kind !== 'direct' && {
          improve: (signal: AbortSignal) => this.#improve(running, connection, signal),
        }),
    });
    const limits = limitsText(flow.path);
    if (limits !== undefined) log(limits);
    const link = stream.protocol === creditProtocol ? new CreditLink(flow, runtime) : flow;
    this.#links.add(link);
    uses.begin(connection);
    void link.closed.then(() => {
      this.#links.delete(link);
      uses.end(connection);
    });
    return link;
  }

  /** Asks all relays simultaneously. The node starts without the relays that do not answer soon. */
  async #reserve({ relays }: Running): Promise<void> {
    if (relays.length === 0) return;
    const { runtime } = this.#context!;
    const enough = Promise.withResolvers<void>();
    const timer = runtime.setTimeout(enough.resolve, relayStartMs);
    await Promise.race([Promise.all(relays.map((one) => one.start())), enough.promise]);
    timer.cancel();
  }

  /**
   * Returns the node's listening addresses, then its addresses at relays, even at relays that are down: they may
   * return.
   */
  #addresses({ node, observed }: Running): readonly Address[] {
    const direct = node
      .getMultiaddrs()
      .map((one) => one.toString())
      .filter((text) => !observed.isGuess(text));
    const { relays, ways } = this.#preset;
    const id = node.peerId.toString();
    const relayed = relays.flatMap((one) =>
      ways.includes('webrtc') ? [byWebRtc(one, id), behindRelay(one, id)] : [behindRelay(one, id)],
    );
    const texts = [...direct.filter((text) => relayOf(text) === undefined), ...relayed].slice(
      0,
      maxAddresses,
    );
    return texts.map((text) => parseMultiaddr(text)!);
  }
}
