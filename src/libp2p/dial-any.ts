import type { Connection } from '@libp2p/interface';
import { removeAbortListener } from '../base/remove-abort-listener.ts';
import type { Runtime } from '../base/runtime.ts';
import { dialAsListener, type Engine, transportManagerOf } from './engine.ts';

export interface DialAnyDetails {
  readonly engine: Engine;
  readonly runtime: Runtime;
  /** The addresses, as multiaddrs. */
  readonly texts: readonly string[];
  /** How long the dials may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The local port of a TCP connection. Default: the system chooses one. */
  readonly localPort?: number;
  /** Whether this side acts as the listener after the dial. */
  readonly asListener?: boolean;
}

/**
 * Dials several addresses of one node simultaneously, and keeps the connection that comes up first.
 *
 * @throws the reason of the signal; AggregateError with the errors of all addresses.
 */
export async function dialAny(details: DialAnyDetails): Promise<Connection> {
  const { engine, runtime, texts, timeoutMs, signal, localPort, asListener = false } = details;
  // Each dial has its own signal, because aborting the signal may end the connection even later.
  const dials = texts.map((text) => ({ text, controller: new AbortController() }));
  const abort = (reason: unknown, except?: unknown): void => {
    for (const dial of dials) if (dial !== except) dial.controller.abort(reason);
  };
  const onAbort = (): void => abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  const timer = runtime.setTimeout(() => abort(new Error('it took too long')), timeoutMs, 'watching');
  try {
    // The node itself is not used to dial, because there all dials of one peer wait for each other.
    const manager = transportManagerOf(engine.node);
    const connecting = dials.map(async (dial) => {
      const address = engine.multiaddr(dial.text);
      const options = { signal: dial.controller.signal, ...(localPort && { localPort }) };
      const connection = await (asListener
        ? dialAsListener(engine.node, address, options)
        : manager.dial(address, options));
      return { dial, connection };
    });
    const { dial, connection } = await Promise.any(connecting);
    abort(new Error('another address answered'), dial);
    return connection;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    timer.cancel();
    removeAbortListener(signal, onAbort);
  }
}
