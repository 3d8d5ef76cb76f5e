import type { Address } from '../base/address.ts';
import { hasMethods, shown } from '../base/arguments.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import { unlessAborted } from '../base/unless-aborted.ts';
import type { ExpectedPeer, Link, Transport } from './transport.ts';

/** The arguments of {@link Transport.dial}. */
export interface Dial {
  readonly address: Address;
  readonly signal: AbortSignal;
  readonly expected: ExpectedPeer | undefined;
}

const linkMethods = [
  'send',
  'drained',
  'pause',
  'resume',
  'close',
  'destroy',
] as const satisfies readonly (keyof Link)[];

/**
 * Dials by a transport, which may be the user's own. If it ignores the signal, the node does not wait for it, and
 * destroys a link that it makes later.
 *
 * @throws the reason of the signal; what the transport throws; TypeError if it returns anything but a Link.
 */
export async function dialLink(transport: Transport, { address, signal, expected }: Dial): Promise<Link> {
  const dialling = startDial(transport, { address, signal, expected });
  try {
    return await unlessAborted(dialling, signal);
  } catch (error) {
    if (signal.aborted) dialling.then((link) => link.destroy()).catch(() => {});
    throw error;
  }
}

async function startDial(transport: Transport, { address, signal, expected }: Dial): Promise<Link> {
  const link: unknown = await transport.dial(address, signal, expected);
  if (hasMethods(link, linkMethods) && isPromiseLike((link as Link).closed)) return link as Link;
  throw new TypeError(`dial of a transport must resolve to a Link, not ${shown(link)}`);
}

/**
 * Listens by a transport.
 *
 * @returns the addresses that it listens on.
 * @throws what the transport throws; TypeError if it returns anything but a list of addresses.
 */
export async function listenAt(
  transport: Transport,
  address: Address,
  onLink: (link: Link) => void,
): Promise<readonly Address[]> {
  const bound: unknown = await transport.listen(address, onLink);
  if (Array.isArray(bound) && bound.every(isAddress)) return bound;
  throw new TypeError(`listen of a transport must resolve to a list of addresses, not ${shown(bound)}`);
}

function isAddress(value: unknown): value is Address {
  const { host, port } = (value ?? {}) as Partial<Address>;
  return typeof host === 'string' && Number.isInteger(port) && port! >= 0 && port! <= 65_535;
}
