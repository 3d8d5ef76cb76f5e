import { type Command, Option } from 'commander';
import { identityIn } from '../identity-in.ts';
import { parsePort, plainless } from '../parse.ts';
import { runDoctor } from './doctor.ts';

const help = `
Says in one line each what is true of this machine, and in a line below it what to do:
  ✔  nothing to do       ·  something to do in some cases       ✖  something is wrong

With addresses, it dials these nodes, as a node with a key of its own, and says which
part failed: the name, the network, the port, the handshake, or the rules of the other
side. A node that it reaches also says from where it sees this machine, and what its
clock says. The exit code is 1 if something is wrong.

Examples:
  peerloom doctor
  peerloom doctor seed.example.org:10001
  peerloom doctor --port 10001 --identity ada.pem
  peerloom doctor --network chess --json seed.example.org:10001`;

interface Options {
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
  program
    .command('doctor')
    .description('say what stands in the way of a node on this machine, and what to do')
    .argument('[address...]', 'host:port of nodes to dial', plainless, [])
    .option('--host <host>', 'the address to try to listen on; 0.0.0.0: all of this machine', '0.0.0.0')
    .option('--port <port>', 'the port to try to listen on; 0: the system picks one', parsePort, 0)
    .option('--identity <file>', 'the key file to check: who can read it, and which id it holds')
    .option('--passphrase-env <variable>', 'the environment variable with the passphrase of this file')
    .option('--network <name>', 'the network of the nodes to dial')
    .addOption(
      new Option('--network-key <key>', 'the secret key of their network').env('PEERLOOM_NETWORK_KEY'),
    )
    .option('--json', 'print each finding as one line of JSON')
    .addHelpText('after', help)
    .action(async (addresses: readonly string[], options: Options) => {
      const { host, port, identity, passphraseEnv, network, networkKey, json = false } = options;
      process.exitCode = await runDoctor({
        host,
        port,
        addresses,
        identity: identityIn(identity, passphraseEnv),
        network,
        networkKey,
        json,
      });
    });
}
