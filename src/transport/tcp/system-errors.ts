import { type Address, formatAddress } from '../../base/address.ts';
import { messageOf } from '../../base/arguments.ts';
import { type ErrorCode, PeerloomError } from '../../base/errors.ts';

type Explanation = readonly [ErrorCode, (address: string) => string];

const listening: Record<string, Explanation> = {
  EADDRINUSE: [
    'ERR_ADDRESS_IN_USE',
    (a) => `${a} is in use: choose another port, or use port 0 to get a free one`,
  ],
  EADDRNOTAVAIL: [
    'ERR_ADDRESS_UNAVAILABLE',
    (a) => `${a} is not an address of this machine: listen on 127.0.0.1 or 0.0.0.0`,
  ],
  EACCES: [
    'ERR_ADDRESS_UNAVAILABLE',
    (a) => `${a} cannot be used: this user has no permission for ports below 1024, so choose a higher one`,
  ],
  ENOTFOUND: ['ERR_HOST_NOT_FOUND', (a) => `the host of ${a} does not resolve: check its name`],
  EAI_AGAIN: [
    'ERR_HOST_NOT_FOUND',
    (a) => `the host of ${a} does not resolve at the moment: check the DNS settings, or try again`,
  ],
};

const dialling: Record<string, Explanation> = {
  ECONNREFUSED: [
    'ERR_CONNECTION_REFUSED',
    (a) => `nothing listens at ${a}: start that node first, or check the port`,
  ],
  ECONNRESET: [
    'ERR_CONNECTION_CLOSED',
    (a) => `${a} closed the connection at once: check that a peerloom node listens there`,
  ],
  ENOTFOUND: listening.ENOTFOUND!,
  EAI_AGAIN: listening.EAI_AGAIN!,
  EHOSTUNREACH: ['ERR_HOST_UNREACHABLE', (a) => `no route leads to ${a}: check the network`],
  ENETUNREACH: ['ERR_HOST_UNREACHABLE', (a) => `no route leads to ${a}: check the network`],
  ETIMEDOUT: ['ERR_TIMEOUT', (a) => `${a} did not answer in time: check the host, the port and the firewall`],
};

/** Turns an error of the system into a PeerloomError; returns a PeerloomError unchanged. */
export function explain(error: unknown, address: Address, doing: 'listening' | 'dialling'): Error {
  if (error instanceof PeerloomError) return error;
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  const text = formatAddress(address);
  const [ours, say] = (doing === 'listening' ? listening : dialling)[code ?? ''] ?? [
    doing === 'listening' ? ('ERR_ADDRESS_UNAVAILABLE' as const) : ('ERR_UNREACHABLE' as const),
    () => `${doing} ${text} failed: ${messageOf(error)}`,
  ];
  return new PeerloomError(ours, say(text), { cause: error });
}
