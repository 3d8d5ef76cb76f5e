import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseAddress } from '../base/address.ts';
import { runDemo } from './demo/demo.ts';
import { complain, explainFailure } from './failure.ts';
import { addKeysCommand } from './keys.ts';
import { type NodeCommandOptions, runNode } from './node-command.ts';
import { guardOutputs } from './outputs.ts';

const nodeHelp = `
On a terminal there is a prompt: what you type goes to all peers. /help lists the
commands: /who, /connect, /disconnect, /ping, /json, /quit. When the input is something
else, or with --json, each line of it is a message to all peers. The lines wait until
a peer is connected. Once the input has ended and all lines are confirmed, the node
stops. A node with --connect and without --reconnect does not wait for other peers
when all have left. Without any input (</dev/null, a service, a container) the
node runs until a signal. SIGTERM and Ctrl-C say goodbye to all peers first.

--json prints one object per line for each event. The first event is
  {"event":"listening","id":…,"name":…,"host":…,"port":…}
Then come the events of the node, by their names:
  {"event":"node_message","peer":{"id":…,"name":…,"host":…,"port":…,"direction":…},"data":…}
A disconnect has a "reason":{"code":…,"message":…,"by":…}, an error an
"error":{"code":…,"message":…}. In data, binary values are
{"$binary":"<base64>","type":"Float32Array"}, its elements little-endian; bytes are a
Uint8Array. Numbers that JSON lacks are {"$number":"NaN"}, "Infinity", "-Infinity", "-0";
bigints are {"$bigint":"<decimal digits>"}.

Examples:
  Two people talking, in two terminals:
    peerloom node --port 10001 --name ada
    peerloom node --port 10002 --name ben --connect 127.0.0.1:10001
  Send one line:
    echo hello | peerloom node --connect 127.0.0.1:10001
  Listen, and pass what arrives to another program:
    peerloom node --port 10001 --json < /dev/null | jq .data
  Keep the identity in a file that a passphrase protects:
    PASS=… peerloom node --port 10001 --identity ada.pem --passphrase-env PASS`;

const exitCodeHelp = `
Exit codes:
  0  all went well, also when SIGTERM or Ctrl-C ended it
  1  something failed: a port in use, no node at an address, a wrong passphrase,
     a line that was not confirmed
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
    .option(
      '--host <host>',
      'the address to listen on; 0.0.0.0 means all addresses of this machine',
      '127.0.0.1',
    )
    .option('--port <port>', 'the port to listen on', parsePort, 0)
    .addOption(
      new Option('--connect <address...>', 'host:port of nodes to connect with')
        .argParser(addAddress)
        .default([], 'none'),
    )
    .option('--reconnect', 'keep trying until these nodes are up, and reconnect when a connection breaks')
    .option('--name <name>', 'the name of the node, which other nodes see')
    .option('--identity <file>', "the file with the node's key; created if missing")
    .option('--passphrase-env <variable>', 'the environment variable that holds the passphrase of this file')
    .option('--network <name>', 'only nodes of the same network connect')
    .addOption(
      new Option('--network-key <key>', 'only nodes with the same key connect').env('PEERLOOM_NETWORK_KEY'),
    )
    .option('--stay', 'keep running after the end of the input, until a signal')
    .option('--json', 'print one event per line, as JSON')
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
  addKeysCommand(program);
  pointToHelp(program, program.name());
  return program
    .addHelpText('after', `\n'peerloom help node' explains all options of a node.`)
    .addHelpText('afterAll', exitCodeHelp);
}

/** Who has used a command wrongly is told in one line, with where the rest is written. */
function pointToHelp(command: Command, path: string): void {
  command.configureOutput({
    outputError: (text) => {
      const problem = text.replace('error: ', '').trim().replaceAll('\n', ' ').replace(/\.$/, '');
      complain(`${problem}; see ${path} --help`);
    },
  });
  for (const one of command.commands) pointToHelp(one, `${path} ${one.name()}`);
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}

function addAddress(text: string, others: readonly string[]): readonly string[] {
  if (schemeOf(text) === 'tcp') {
    const message = 'tcp:// is plain TCP, and peerloom node speaks TLS alone: leave it out, or write tls://.';
    throw new InvalidArgumentError(message);
  }
  return [...others, text];
}

function schemeOf(text: string): string | undefined {
  try {
    return parseAddress(text).scheme;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
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
