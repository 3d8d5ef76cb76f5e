import type { Link, Transport } from '../../src/index.ts';
import { withLinks } from './with-links.ts';

/** A transport whose links count as relayed until the test finds better ways for them. */
export class ImprovingLinks {
  /** The links that were dialled, the latest last. */
  readonly dialled: Link[] = [];
  readonly transport: Transport;
  /** Sees each link that is dialled from now on. */
  onLink: (link: Link) => void = () => {};
  #waiting: (() => void)[] = [];

  constructor(inner: Transport) {
    const transport = withLinks(inner, (link) => this.onLink(link));
    const prepare = (link: Link, dial: () => Promise<Link>): Link => {
      this.dialled.push(link);
      const kind = this.dialled.length === 1 ? 'relayed' : 'direct';
      return Object.assign(link, {
        path: { kind },
        improve: (signal: AbortSignal) => this.#improve(dial, signal),
      });
    };
    this.transport = {
      ...transport,
      dial: async (...dialled) => {
        const dial = async (): Promise<Link> => prepare(await transport.dial(...dialled), dial);
        return dial();
      },
    };
  }

  /** There are better ways for all links. */
  improve(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  #improve(dial: () => Promise<Link>, signal: AbortSignal): Promise<Link> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      signal.addEventListener('abort', onAbort);
      this.#waiting.push(() => {
        signal.removeEventListener('abort', onAbort);
        if (!signal.aborted) dial().then(resolve, reject);
      });
    });
  }
}
