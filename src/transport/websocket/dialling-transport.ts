import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import { inDial } from '../pipe/handshake-errors.ts';
import type { ExpectedPeer, Link, Transport, TransportContext } from '../transport.ts';
import { parseWebSocketAddress, webSocketSchemes } from './address.ts';
import { dialWebSocket } from './dial.ts';
import { openGlobalSocket } from './global-socket.ts';
import { NoiseKey } from './noise-key.ts';

/** The WebSocket transport of browsers, which can only dial. */
export class DiallingWebSocketTransport implements Transport {
  readonly schemes: readonly string[] = webSocketSchemes;
  #context: TransportContext | undefined;
  #noiseKey: NoiseKey | undefined;
  readonly #links = new Set<Link>();
  #closing = new AbortController();

  attach(context: TransportContext): void {
    checkWebSocketContext(this.#context, context);
    this.#context = context;
    this.#noiseKey = new NoiseKey(context.identity);
  }

  parse(text: string): Address | undefined {
    return parseWebSocketAddress(text);
  }

  /** A page cannot listen, so it has no addresses. */
  async listen(): Promise<readonly Address[]> {
    this.#closing = new AbortController();
    return [];
  }

  async dial(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link> {
    const context = this.#context!;
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    const link = await dialWebSocket({
      context,
      noiseKey: this.#noiseKey!,
      address: { ...address, scheme: address.scheme ?? this.schemes[0] },
      startedAt: context.runtime.now(),
      expected,
      signal: ending,
      open: (offered) => openGlobalSocket(address, offered, ending),
    }).catch((error) => {
      throw ending.aborted ? ending.reason : inDial(error, address);
    });
    this.#links.add(link);
    void link.closed.then(() => this.#links.delete(link));
    return link;
  }

  async close(): Promise<void> {
    this.#closing.abort(new PeerloomError('ERR_ABORTED', 'the node is stopping'));
    const links = [...this.#links];
    for (const link of links) link.destroy();
    await Promise.all(links.map(({ closed }) => closed));
  }
}

/** The checks of every WebSocket transport. @throws PeerloomError `ERR_TRANSPORT_IN_USE`; TypeError. */
export function checkWebSocketContext(
  earlier: TransportContext | undefined,
  { runtime }: TransportContext,
): void {
  if (earlier !== undefined) {
    throw new PeerloomError(
      'ERR_TRANSPORT_IN_USE',
      'a webSocket() transport belongs to one node: make one for each node',
    );
  }
  if (runtime.secretBytes !== undefined) {
    throw new TypeError(
      'webSocket() reaches beyond this process, but the seed of the runtime (runtime.secretBytes) decides the keys of this node, so they are not secret: use memory(), or a runtime without secretBytes',
    );
  }
}
