import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { libp2pDht } from '../libp2p/dht.ts';
import type { DhtScope } from '../libp2p/dht-extension.ts';
import { libp2p } from '../libp2p/libp2p.ts';
import { relay } from '../libp2p/presets.ts';
import { Node } from '../node/node.ts';
import { complain, exitCodes, WrongUse } from './failure.ts';
import { identityIn } from './identity-in.ts';
import { parsePort, wholeNumber } from './parse.ts';
import { untilSignal } from './signals.ts';

const help = `
Carries connections between nodes behind routers, which it cannot read. It needs an
address that all of them reach, and the packages of libp2p: docs/internet.md. It runs
until SIGTERM or Ctrl-C, and prints the addresses to give to nodes:
  libp2p(internet({ relays: ['<address>'] }))

Examples:
  peerloom relay --port 10001 --identity relay.pem
  peerloom relay --port 10001 --identity relay.pem --announce /dns4/relay.example.org/tcp/10001`;

interface RelayCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly announce: readonly string[];
  readonly identity?: string;
  readonly passphraseEnv?: string;
  readonly maxNodes: number;
  readonly maxSeconds: number;
  readonly maxBytes: number;
  readonly dht?: DhtScope;
  readonly json?: true;
}

/** Registers `peerloom relay`. */
export function addRelayCommand(program: Command): void {
  program
    .command('relay')
    .description('carry the connections of nodes behind routers (needs the packages of libp2p)')
    .option(
      '--host <host>',
      'the address to listen on; 0.0.0.0: all IPv4 addresses of this machine',
      '0.0.0.0',
    )
    .option('--port <port>', 'the port to listen on; 0: the system picks one', parsePort, 10_001)
    .option(
      '--announce <multiaddr...>',
      'where others reach it, if this machine does not have its public address itself',
      addMultiaddr,
      [],
    )
    .option('--identity <file>', 'the key file: the id is part of the address; created if missing')
    .option('--passphrase-env <variable>', 'the environment variable with the passphrase of this file')
    .option('--max-nodes <number>', 'how many nodes may be reached through it', wholeNumber, 128)
    .option('--max-seconds <number>', 'how long a connection may last; 0: no limit', wholeNumber, 0)
    .option('--max-bytes <number>', 'how much a connection may carry; 0: no limit', wholeNumber, 0)
    .addOption(
      new Option(
        '--dht <scope>',
        'be a server of the DHT by which nodes find each other: public, or local in a private network',
      ).choices(['public', 'local']),
    )
    .option('--json', 'print the addresses as one line of JSON')
    .addHelpText('after', help)
    .action(async (options: RelayCommandOptions) => {
      process.exitCode = await runRelay(options);
    });
}

/**
 * The multiaddrs of this machine. libp2p does not announce a public address before a peer has confirmed it, so the
 * relay announces them itself. Empty if the host is a name, and for port 0, because the free port is not known yet.
 */
function ownMultiaddrs(host: string, port: number): readonly string[] {
  if (port === 0 || isIP(host) === 0) return [];
  const isEvery = host === '0.0.0.0' || host === '::';
  const hosts = isEvery
    ? Object.values(networkInterfaces()).flatMap((all = []) =>
        all.flatMap(({ internal, family, address }) => (internal || family !== 'IPv4' ? [] : address)),
      )
    : [host];
  return hosts.map((own) => `/ip${isIP(own)}/${own}/tcp/${port}`);
}

/** Adds a multiaddr to the earlier ones. @throws InvalidArgumentError. */
function addMultiaddr(text: string, others: readonly string[]): readonly string[] {
  if (text.startsWith('/')) return [...others, text];
  throw new InvalidArgumentError('It must be a multiaddr such as /dns4/relay.example.org/tcp/10001.');
}

/** @returns the exit code. @throws PeerloomError if the relay cannot listen, or a package is missing. */
async function runRelay(options: RelayCommandOptions): Promise<number> {
  const node = createNode(options);
  const ended = untilSignal();
  await node.start();
  try {
    const addresses = node.addresses.map((text) =>
      text.includes('/p2p/') ? text : `${text}/p2p/${node.id}`,
    );
    if (addresses.length === 0)
      complain('no address of this machine is known to others: name one with --announce');
    if (options.json) console.log(JSON.stringify({ event: 'listening', id: node.id, addresses }));
    else for (const address of addresses) console.log(`Relay at ${address}`);
    await ended;
    return exitCodes.fine;
  } finally {
    await node.stop();
  }
}

function createNode(options: RelayCommandOptions): Node {
  const {
    host,
    port,
    announce,
    identity: path,
    passphraseEnv,
    maxNodes,
    maxSeconds,
    maxBytes,
    dht,
  } = options;
  try {
    const preset = relay({
      announce: announce.length > 0 ? announce : ownMultiaddrs(host, port),
      maxReservations: maxNodes,
      maxConnectionSeconds: maxSeconds,
      maxConnectionBytes: maxBytes,
    });
    const identity = identityIn(path, passphraseEnv);
    const transport = libp2p(preset);
    return new Node(host, port, {
      name: 'relay',
      transports: [transport],
      ...(dht && { discovery: [libp2pDht(transport, { scope: dht, seeksNetwork: false })] }),
      // Nodes with a place at the relay connect over libp2p only. A few may be peers as well.
      maxConnections: maxNodes,
      ...(identity && { identity }),
    });
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new WrongUse(error.message);
    throw error;
  }
}
