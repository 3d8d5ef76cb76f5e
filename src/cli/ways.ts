import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Discovery } from '../api/discovery.ts';
import { tcp } from '../api/tcp.ts';
import { libp2pDht } from '../libp2p/dht.ts';
import type { DhtScope } from '../libp2p/dht-extension.ts';
import { libp2p } from '../libp2p/libp2p.ts';
import type { Libp2pTransport } from '../libp2p/libp2p-transport.ts';
import { parseMultiaddr } from '../libp2p/multiaddr-text.ts';
import { internet } from '../libp2p/presets.ts';
import { parseStunServer } from '../libp2p/stun-server.ts';
import type { Transport } from '../transport/transport.ts';
import { plainless } from './parse.ts';

/** The options for how a command reaches other nodes, in addition to `tcp()`. */
export interface WayOptions {
  readonly relay: readonly string[];
  readonly stun: readonly string[];
  readonly dht?: DhtScope | undefined;
}

/** Adds these options to a command. */
export function addWayOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--relay <multiaddr...>', 'relays to reach others through, over libp2p()')
        .argParser(addMultiaddr)
        .default([], 'none'),
    )
    .addOption(
      new Option('--stun <server...>', 'servers such as stun:stun.example.org:3478, for WebRTC')
        .argParser(addStunServer)
        .default([], 'none'),
    )
    .addOption(
      new Option('--dht <scope>', 'find nodes in the DHT of libp2p, through the relays').choices([
        'public',
        'local',
      ]),
    );
}

/** The parts of a node's options that these ways need. */
export interface Ways {
  readonly transports: readonly Transport[];
  readonly discovery: readonly Discovery[];
  /** Set if libp2p is one of the transports. */
  readonly libp2p: Libp2pTransport | undefined;
}

/**
 * The ways to reach these addresses. libp2p is loaded only if an address or an option needs it.
 *
 * @throws TypeError; PeerloomError `ERR_ADDRESS_INVALID`.
 */
export function waysTo(addresses: readonly string[], { relay, stun, dht }: WayOptions): Ways {
  const isNeeded =
    addresses.some((text) => text.startsWith('/')) ||
    relay.length > 0 ||
    stun.length > 0 ||
    dht !== undefined;
  if (!isNeeded) return { transports: [tcp()], discovery: [], libp2p: undefined };
  const transport = libp2p(internet({ listen: [], relays: relay, stun })) as Libp2pTransport;
  const discovery = dht === undefined ? [] : [libp2pDht(transport, { scope: dht, seeksNetwork: false })];
  return { transports: [tcp(), transport], discovery, libp2p: transport };
}

/** Adds `host:port` or a multiaddr to the earlier addresses. @throws InvalidArgumentError. */
export function addAddress(text: string, others: readonly string[]): readonly string[] {
  return text.startsWith('/') ? addMultiaddr(text, others) : plainless(text, others);
}

function addMultiaddr(text: string, others: readonly string[]): readonly string[] {
  try {
    if (parseMultiaddr(text) !== undefined) return [...others, text];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  throw new InvalidArgumentError('It must be a multiaddr such as /dns4/relay.example.org/tcp/10001/p2p/….');
}

function addStunServer(text: string, others: readonly string[]): readonly string[] {
  if (parseStunServer(text) !== undefined) return [...others, text];
  throw new InvalidArgumentError(
    'It must be a server such as stun:stun.example.org:3478, with a port from 1 to 65535.',
  );
}
