import { type Command, Option } from 'commander';
import { identityIn } from '../identity-in.ts';
import { parsePort } from '../parse.ts';
import { addAddress, addWayOptions, type WayOptions } from '../ways.ts';
import { runDoctor } from './doctor.ts';

const help = `
Says in one line each what is true of this machine, and in a line below it what to do:
  ✔  nothing to do       ·  something to do in some cases       ✖  something is wrong

With addresses, it dials these nodes, as a node with a key of its own, and says which
part failed: the name, the network, the port, the handshake, or the rules of the other
side. A node that it reaches also says from where it sees this machine, and what its
clock says. The exit code is 1 if something is wrong.

With --relay, it asks these relays for a place, through which others reach a node here.
With two --stun servers, it says whether this machine's router lets WebRTC connect
directly and, if a server has two addresses, whom the router lets in. Once somebody has
seen this machine from outside, the router is asked for its own address (NAT-PMP), which
tells a second router, or the provider's (CGNAT), from a router of your own. Relays and multiaddrs need the packages of libp2p: docs/internet.md.

Examples:
  peerloom doctor
  peerloom doctor seed.example.org:10001
  peerloom doctor --port 10001 --identity ada.pem
  peerloom doctor --network chess --json seed.example.org:10001
  peerloom doctor --relay /dns4/relay.example.org/tcp/10001/p2p/12D3KooW… \\
    --stun stun:stun.example.org:3478 stun:stun.example.net:3478`;

interface Options extends WayOptions {
  readonly host: string;
  readonly port: number;
  readonly identity?: string;
  readonly passphraseEnv?: string;
  readonly network?: string;
  readonly networkKey?: string;
  readonly json?: true;
}

/** Registers `peerloom doctor`. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('say what stands in the way of a node on this machine, and what to do')
    .argument('[address...]', 'host:port or multiaddrs of nodes to dial', addAddress, [])
    .option('--host <host>', 'the address to try to listen on; 0.0.0.0: all of this machine', '0.0.0.0')
    .option('--port <port>', 'the port to try to listen on; 0: the system picks one', parsePort, 0)
    .option('--identity <file>', 'the key file to check: who can read it, and which id it holds')
    .option('--passphrase-env <variable>', 'the environment variable with the passphrase of this file')
    .option('--network <name>', 'the network of the nodes to dial')
    .addOption(
      new Option('--network-key <key>', 'the secret key of their network').env('PEERLOOM_NETWORK_KEY'),
    )
    .option('--json', 'print each finding as one line of JSON')
    .addHelpText('after', help);
  addWayOptions(command).action(async (addresses: readonly string[], options: Options) => {
    const { identity, passphraseEnv, network, networkKey, json = false } = options;
    process.exitCode = await runDoctor({
      ...options,
      addresses,
      identity: identityIn(identity, passphraseEnv),
      network,
      networkKey,
      json,
    });
  });
}
