import { type HostScope, mayTell, scopeOf } from '../base/host-scope.ts';
import { parseMultiaddr } from './multiaddr-text.ts';

const idAtEnd = /\/p2p\/[A-Za-z0-9]+$/;

/** Decides which addresses reported by strangers may be dialled. */
export class ToldMultiaddrs {
  readonly #teller: HostScope;
  readonly #trusted: readonly string[];

  /**
   * @param teller the scope of the strangers. The nodes of a public DHT must not make others dial into private
   * networks.
   * @param trusted addresses that the user named. These, and addresses of nodes behind them, may contain host names.
   */
  constructor(teller: 'public' | 'private' | 'loopback', trusted: readonly string[]) {
    this.#teller = teller;
    this.#trusted = trusted.map((text) => text.replace(idAtEnd, ''));
  }

  mayDial(text: string): boolean {
    if (this.#trusted.some((one) => text === one || text.startsWith(`${one}/p2p`))) return true;
    const host = hostOf(text);
    if (host === undefined) return false;
    const scope = scopeOf(host);
    // A host name may lead anywhere, whoever reports it.
    return scope !== 'name' && mayTell(this.#teller, scope);
  }
}

function hostOf(text: string): string | undefined {
  try {
    return parseMultiaddr(text)?.host;
  } catch {
    return undefined;
  }
}
