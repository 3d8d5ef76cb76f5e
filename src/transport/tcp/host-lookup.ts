import { lookup } from 'node:dns/promises';
import { PeerloomError } from '../../base/errors.ts';

/** An address of a host. */
export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

export type Resolve = (host: string) => Promise<readonly HostAddress[]>;

/** What the system knows of a host: /etc/hosts, the DNS and what else it is set up to ask. */
const resolveBySystem: Resolve = (host) => lookup(host, { all: true });

/**
 * Looks up hosts, each in one request at a time. The system cannot cancel a request: it occupies a thread of the
 * process until the name server answers, or until the system gives up. A caller that gave up earlier and tries again
 * therefore waits for the request that is under way.
 */
export class HostLookup {
  readonly #resolve: Resolve;
  readonly #underWay = new Map<string, Promise<readonly HostAddress[]>>();

  constructor(resolve: Resolve = resolveBySystem) {
    this.#resolve = resolve;
  }

  /**
   * The addresses of a host, one at least, in the order in which to try them.
   *
   * @throws what the system says; PeerloomError `ERR_HOST_NOT_FOUND`.
   */
  async addressesOf(host: string): Promise<readonly HostAddress[]> {
    const name = host.toLowerCase();
    let request = this.#underWay.get(name);
    if (request === undefined) {
      request = this.#resolve(name).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, request);
    }
    const addresses = await request;
    if (addresses.length === 0) throw new PeerloomError('ERR_HOST_NOT_FOUND', `${host} has no address`);
    return alternating(addresses);
  }
}

/** One for the process, because the threads belong to the process. */
export const hostLookup = new HostLookup();

/**
 * RFC 8305, section 4: the family of the first address and the other one take turns, so that a family that leads
 * nowhere holds up the other one for a single attempt.
 */
function alternating(addresses: readonly HostAddress[]): readonly HostAddress[] {
  const [first] = addresses;
  const preferred = addresses.filter(({ family }) => family === first?.family);
  const others = addresses.filter(({ family }) => family !== first?.family);
  const order: HostAddress[] = [];
  for (let index = 0; index < Math.max(preferred.length, others.length); index++) {
    order.push(...preferred.slice(index, index + 1), ...others.slice(index, index + 1));
  }
  return order;
}
