import { lookup } from 'node:dns/promises';
import { PeerloomError } from '../../base/errors.ts';

/** An address of a host. */
export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

export type Resolve = (host: string) => Promise<readonly HostAddress[]>;

/** Asks the system: /etc/hosts, the DNS, and whatever else it is configured to use. */
const resolveBySystem: Resolve = (host) => lookup(host, { all: true });

/**
 * Looks up hosts, with one request at a time for each host. A request cannot be cancelled: it occupies a thread of the
 * process until the name server answers or the system gives up. So a caller that timed out and tries again waits for
 * the request that is under way.
 */
export class HostLookup {
  readonly #resolve: Resolve;
  readonly #underWay = new Map<string, Promise<readonly HostAddress[]>>();

  constructor(resolve: Resolve = resolveBySystem) {
    this.#resolve = resolve;
  }

  /**
   * The addresses of a host, at least one, in the order in which to try them.
   *
   * @throws the system's error; PeerloomError `ERR_HOST_NOT_FOUND`.
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

/** Shared by the process, because the threads belong to the process. */
export const hostLookup = new HostLookup();

/**
 * Alternates between the two address families, starting with the first address's (RFC 8305, section 4), so that a
 * broken family delays the other by only one attempt.
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
