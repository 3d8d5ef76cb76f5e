import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { runDemo } from './demo/demo.ts';
import { addDoctorCommand } from './doctor/command.ts';
import { complain, explainFailure } from './failure.ts';
import { addKeysCommand } from './keys.ts';
import { type NodeCommandOptions, runNode } from './node-command.ts';
import { guardOutputs } from './outputs.ts';
import { parsePort, plainless } from './parse.ts';
import { addPingCommand } from './ping.ts';
import { addRelayCommand } from './relay.ts';
import { addReplayCommand } from './replay.ts';
import { addSimulateCommand } from './simulate/command.ts';

const nodeHelp = `
On a terminal, the node shows a prompt. Each line that you type goes to all peers.
Commands: /who, /connect, /disconnect, /ping, /json, /help, /quit.

In a pipe, from a file, or with --json, each line of the input is a message to all
peers. Lines wait until a peer is connected. When the input ends, the node waits until
its peers have confirmed every line, and stops; --stay keeps it running. If all peers
leave before that, a node with --connect but without --reconnect fails.

With --bootstrap, --peer-store or --mdns, the node finds other nodes by itself and
keeps about five of them as its peers. A line goes to its peers, so in a network of
more than a few nodes it does not reach everybody.

Without input (</dev/null, a service, a container) the node runs until SIGTERM or
Ctrl-C. Both say goodbye to all peers first.

--json prints each event as one line of JSON. The first line is
  {"event":"listening","id":…,"name":…,"host":…,"port":…}
The others are the events of the node, by their names:
  {"event":"node_message","peer":{"id":…,"name":…,"host":…,"port":…,"direction":…},"data":…}
A disconnect event has "reason":{"code":…,"message":…,"by":…}, an error
"error":{"code":…,"message":…}. JSON lacks some values that data may hold:
  bytes, typed arrays     {"$binary":"<base64, little-endian>","type":"Float32Array"}
  NaN, Infinity, -0       {"$number":"NaN"}
  bigints                 {"$bigint":"<decimal digits>"}

Examples:
  Two people talking, in two terminals:
    peerloom node --port 10001 --name ada
    peerloom node --port 10002 --name ben --connect 127.0.0.1:10001
  Send one line:
    echo hello | peerloom node --connect 127.0.0.1:10001
  Listen, and pass what arrives to another program:
    peerloom node --port 10001 --json < /dev/null | jq .data
  A node that others can use to find a network, for as long as it runs:
    peerloom node --host 0.0.0.0 --port 10001 --peer-store peers.db < /dev/null
  Keep the same id after a restart, in a file that a passphrase protects:
    PASS=… peerloom node --port 10001 --identity ada.pem --passphrase-env PASS`;

const exitCodeHelp = `
Exit codes:
  0  success, also when SIGTERM or Ctrl-C ended the node
  1  failure: a port in use, no node at an address, a wrong passphrase,
     a line that no peer confirmed
  2  wrong use of the command line`;

function createProgram(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const program = new Command('peerloom')
    .description('A peer-to-peer network in one command, always encrypted.')
    .version(version)
    .exitOverride();
  program
    .command('node')
    .description('run a node that sends and receives messages')
    .option('--host <host>', 'the address to listen on; 0.0.0.0: all addresses of this machine', '127.0.0.1')
    .option('--port <port>', 'the port to listen on; 0: the system picks one', parsePort, 0)
    .addOption(
      new Option('--connect <address...>', 'host:port of nodes to connect with')
        .argParser(plainless)
        .default([], 'none'),
    )
    .addOption(
      new Option(
        '--bootstrap <address...>',
        'host:port of nodes through which to find a network, and to stay in it',
      )
        .argParser(plainless)
        .default([], 'none'),
    )
    .option(
      '--peer-store <file>',
      'the file that remembers nodes, to find the network again; created if missing',
    )
    .option('--mdns', 'find nodes in the local network (needs the package multicast-dns)')
    .option('--reconnect', 'keep trying until these nodes are up, and again when a connection breaks')
    .option('--name <name>', 'a name for people, which other nodes see')
    .option('--identity <file>', "the file that keeps the node's key, and with it its id; created if missing")
    .option('--passphrase-env <variable>', 'the environment variable with the passphrase of this file')
    .option('--network <name>', 'connect only with nodes of the same network')
    .addOption(
      new Option('--network-key <key>', 'connect only with nodes that hold the same secret key').env(
        'PEERLOOM_NETWORK_KEY',
      ),
    )
    .option('--presence', 'tell the network that this node is there, and print who joins and leaves')
    .option('--stay', 'keep running after the end of the input, until SIGTERM or Ctrl-C')
    .option('--json', 'print each event as one line of JSON')
    .option('--debug', 'print every step to standard error')
    .addHelpText('after', nodeHelp)
    .action(async (options: NodeCommandOptions) => {
      process.exitCode = await runNode(options);
    });
  program
    .command('demo')
    .description('show five nodes, each in its own process, that connect, talk, leave and get killed')
    .action(async () => {
      process.exitCode = await runDemo();
    });
  addSimulateCommand(program);
  addReplayCommand(program);
  addKeysCommand(program);
  addDoctorCommand(program);
  addPingCommand(program);
  addRelayCommand(program);
  pointToHelp(program, program.name());
  return program
    .addHelpText('after', `\npeerloom node --help explains all options of a node.`)
    .addHelpText('afterAll', exitCodeHelp);
}

/** Makes a command report wrong use in one line, which names the command for help. */
function pointToHelp(command: Command, path: string): void {
  command.configureOutput({
    outputError: (text) => {
      const problem = text.replace('error: ', '').trim().replaceAll('\n', ' ').replace(/\.$/, '');
      complain(`${problem}; see ${path} --help`);
    },
  });
  for (const one of command.commands) pointToHelp(one, `${path} ${one.name()}`);
}

guardOutputs();

const program = createProgram();
const words = process.argv.slice(2);
try {
  if (words.length === 0) program.outputHelp();
  else await program.parseAsync(words, { from: 'user' });
} catch (error) {
  process.exitCode = explainFailure(error);
}
