import { PeerloomError } from '../base/errors.ts';
import { loadMdns } from './mdns-package.ts';

/** The packages of libp2p that this folder uses, each loaded when the first node needs it. */
const loaders = {
  libp2p: () => import('libp2p'),
  '@libp2p/crypto': () => import('@libp2p/crypto/keys'),
  '@libp2p/noise': () => import('@libp2p/noise'),
  '@libp2p/yamux': () => import('@libp2p/yamux'),
  '@multiformats/multiaddr': () => import('@multiformats/multiaddr'),
  '@libp2p/circuit-relay-v2': () => import('@libp2p/circuit-relay-v2'),
  '@libp2p/identify': () => import('@libp2p/identify'),
  '@libp2p/kad-dht': () => import('@libp2p/kad-dht'),
  '@libp2p/mdns': loadMdns,
  '@libp2p/peer-id': () => import('@libp2p/peer-id'),
  '@libp2p/ping': () => import('@libp2p/ping'),
  '@libp2p/pnet': () => import('@libp2p/pnet'),
  '@libp2p/tcp': () => import('@libp2p/tcp'),
  '@libp2p/tls': () => import('@libp2p/tls'),
  '@libp2p/webrtc': () => import('@libp2p/webrtc'),
  '@libp2p/websockets': () => import('@libp2p/websockets'),
  multiformats: () => import('multiformats'),
};

type Loaders = typeof loaders;

/** The name of a package in this list. */
export type PackageName = keyof Loaders;

/** The packages that every node over libp2p needs. */
export const basePackages = [
  'libp2p',
  '@libp2p/crypto',
  '@libp2p/noise',
  '@libp2p/yamux',
  '@multiformats/multiaddr',
] as const satisfies readonly PackageName[];

/** The modules of some packages, by the names of the packages. */
export type Packages<Name extends PackageName = PackageName> = {
  readonly [Each in Name]: Awaited<ReturnType<Loaders[Each]>>;
};

/**
 * Loads packages.
 *
 * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`, with the command that installs them, if one is missing.
 */
export async function loadPackages<Name extends PackageName>(
  names: readonly Name[],
  load: (name: PackageName) => Promise<unknown> = (name) => loaders[name](),
): Promise<Packages<Name>> {
  const outcomes = await Promise.allSettled(names.map((name) => load(name)));
  const missing = outcomes.findIndex((outcome) => outcome.status === 'rejected' && isMissing(outcome.reason));
  if (missing >= 0) {
    const message = `libp2p() needs the package ${names[missing]}, which is not installed: npm install ${names.join(' ')}`;
    const cause = (outcomes[missing] as PromiseRejectedResult).reason;
    throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message, { cause });
  }
  const entries = outcomes.map((outcome, index) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return [names[index], outcome.value];
  });
  return Object.fromEntries(entries);
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 'ERR_MODULE_NOT_FOUND';
}
