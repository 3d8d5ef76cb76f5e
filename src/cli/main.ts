import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseAddress } from '../address.ts';
import { runDemo } from './demo/demo.ts';
import { complain, exitCodes, explainFailure } from './failure.ts';
import { type NodeCommandOptions, runNode } from './node-command.ts';

const nodeHelp = `
On a terminal there is a prompt: what you type goes to everybody you are connected with, and /peers, /help and
/quit are commands. When the standard input is something else, or with --json, each line of it is a message to
everybody who is connected. A line waits until somebody is; at the end of the input, and once every line is
confirmed, the node leaves.

--json prints one JSON object for each event, the first of them {"event":"listening","id","name","host","port"}.
The others are the node's events by their names: {"event":"node_message","peer":{"id","name","host","port",
"direction"},"data":…}; a disconnect carries "reason":{"code","message","by"}, an error "error":{"code","message"}.
Binary data is {"$binary":"<base64>","type":"Float32Array"} (elements little-endian; bytes are a Uint8Array), and
the numbers that JSON does not have are {"$number":"NaN"}, "Infinity", "-Infinity" and "-0".

Examples:
  Two people talking, in two terminals:
    peerloom node --port 10001 --name ada
    peerloom node --port 10002 --name ben --connect 127.0.0.1:10001
  Send one line:
    echo hello | peerloom node --connect 127.0.0.1:10001
  Listen, and hand what arrives to another program:
    peerloom node --port 10001 --json --stay < /dev/null | jq .data
  Keep an identity, in a file that a passphrase protects:
    PASS=… peerloom node --port 10001 --identity ada.pem --passphrase-env PASS`;

const exitCodeHelp = `
Exit codes: 0 all went well; 1 something failed on the way (a port in use, nobody at an address, a wrong
passphrase, a line that nobody confirmed); 2 wrong use of the command line.`;

function createProgram(finish: (exitCode: number) => void): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const program = new Command('peerloom')
    .description('A peer-to-peer network in one command, always encrypted.')
    .version(version)
    .exitOverride()
    .configureOutput({
      outputError: (text) => complain(text.replace('error: ', '').trim().replaceAll('\n', ' ')),
    });
  program
    .command('node')
    .description('runs a node to talk with')
    .option('--host <host>', 'the address to listen on; 0.0.0.0: all of this machine', '127.0.0.1')
    .option('--port <port>', 'the port to listen on; 0: the system picks one', parsePort, 0)
    .option('--connect <address...>', 'host:port of nodes to connect with at the start', addAddress, [])
    .option('--reconnect', 'connects with these nodes again whenever they are lost')
    .option('--name <name>', 'what the node calls itself; others see it')
    .option('--identity <file>', 'keeps who the node is in this file, made when missing (else new each time)')
    .option('--passphrase-env <variable>', 'the environment variable that holds the passphrase of this file')
    .option('--network <name>', 'only nodes of the same network connect')
    .addOption(
      new Option('--network-key <key>', 'only nodes with the same key connect').env('PEERLOOM_NETWORK_KEY'),
    )
    .option('--stay', 'goes on after the end of the input, until it is told to end by a signal')
    .option('--json', 'prints one event a line, as JSON')
    .option('--debug', 'prints every step, on the standard error output')
    .addHelpText('after', nodeHelp)
    .action(async (options: NodeCommandOptions) => finish(await runNode(options)));
  program
    .command('demo')
    .description('shows five nodes, each its own process, that connect, talk, leave and get killed')
    .action(async () => finish(await runDemo()));
  return program
    .addHelpText('after', `\npeerloom help node tells all about a node.`)
    .addHelpText('afterAll', exitCodeHelp);
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}

function addAddress(text: string, others: readonly string[]): readonly string[] {
  try {
    parseAddress(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return [...others, text];
}

async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.fine;
  const program = createProgram((code) => {
    exitCode = code;
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explainFailure(error);
  }
}

// Whoever reads the output may stop doing so, as in `peerloom node --json | head -1`.
process.stdout.on('error', () => process.exit());
process.exitCode = await main(process.argv.slice(2));
