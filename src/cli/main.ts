import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseAddress } from '../address.ts';
import { runDemo } from './demo/demo.ts';
import { complain, explainFailure } from './failure.ts';
import { addKeysCommand } from './keys.ts';
import { type NodeCommandOptions, runNode } from './node-command.ts';
import { guardOutputs } from './outputs.ts';

const nodeHelp = `
On a terminal there is a prompt: what you type goes to all peers. /help lists the
commands: /who, /connect, /disconnect, /ping, /json, /quit. When the input is something
else, or with --json, each line of it is a message to all peers. Until somebody is
connected the lines wait; once the input has ended and all is confirmed, the node
leaves. A node that was told to --connect, and not to --reconnect, does not wait for
others when all are gone. Without any input (</dev/null, a service, a container) the
node runs until a signal. SIGTERM and Ctrl-C say goodbye to all peers first.

--json prints one object a line for each event, the first of them
  {"event":"listening","id":…,"name":…,"host":…,"port":…}
and then those of the node, by their names:
  {"event":"node_message","peer":{"id":…,"name":…,"host":…,"port":…,"direction":…},"data":…}
A disconnect has a "reason":{"code":…,"message":…,"by":…}, an error an
"error":{"code":…,"message":…}. In data, what is binary is
{"$binary":"<base64>","type":"Float32Array"}, its elements little-endian; bytes are a
Uint8Array. Numbers that JSON lacks are {"$number":"NaN"}, "Infinity", "-Infinity", "-0";
bigints are {"$bigint":"<decimal digits>"}.

Examples:
  Two people talking, in two terminals:
    peerloom node --port 10001 --name ada
    peerloom node --port 10002 --name ben --connect 127.0.0.1:10001
  Send one line:
    echo hello | peerloom node --connect 127.0.0.1:10001
  Listen, and hand what arrives to another program:
    peerloom node --port 10001 --json < /dev/null | jq .data
  Keep an identity in a file, which a passphrase protects:
    PASS=… peerloom node --port 10001 --identity ada.pem --passphrase-env PASS`;

const exitCodeHelp = `
Exit codes:
  0  all went well, also when SIGTERM or Ctrl-C ended it
  1  something failed: a port in use, nobody at an address, a wrong passphrase,
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
    .description('runs a node to talk with')
    .option('--host <host>', 'the address to listen on; 0.0.0.0: all of this machine', '127.0.0.1')
    .option('--port <port>', 'the port to listen on', parsePort, 0)
    .addOption(
      new Option('--connect <address...>', 'host:port of nodes to connect with')
        .argParser(addAddress)
        .default([], 'none'),
    )
    .option('--reconnect', 'keeps trying until they are up, and connects again when they are lost')
    .option('--name <name>', 'what the node calls itself; others see it')
    .option('--identity <file>', 'the file that keeps who the node is; made if missing')
    .option('--passphrase-env <variable>', 'the environment variable with its passphrase')
    .option('--network <name>', 'only nodes of the same network connect')
    .addOption(
      new Option('--network-key <key>', 'only nodes with the same key connect').env('PEERLOOM_NETWORK_KEY'),
    )
    .option('--stay', 'runs on after the end of the input, until a signal')
    .option('--json', 'prints one event a line, as JSON')
    .option('--debug', 'prints every step, on the standard error output')
    .addHelpText('after', nodeHelp)
    .action(async (options: NodeCommandOptions) => {
      process.exitCode = await runNode(options);
    });
  program
    .command('demo')
    .description('shows five nodes, each its own process, that connect, talk, leave and get killed')
    .action(async () => {
      process.exitCode = await runDemo();
    });
  addKeysCommand(program);
  pointToHelp(program, program.name());
  return program
    .addHelpText('after', `\npeerloom help node tells all about a node.`)
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
