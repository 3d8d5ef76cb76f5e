import { type Command, InvalidArgumentError, Option } from 'commander';
import type { NodeConnection } from '../api/node-connection.ts';
import { messageOf } from '../base/arguments.ts';
import { systemRuntime } from '../base/runtime.ts';
import { bootstrap } from '../discovery/bootstrap.ts';
import { isPeerId } from '../identity/identity.ts';
import { Node } from '../node/node.ts';
import { labelOf, safeLine } from './describe.ts';
import { complain, exitCodes, WrongUse } from './failure.ts';
import { wholeNumber } from './parse.ts';
import { untilSignal } from './signals.ts';
import { addAddress, addWayOptions, type WayOptions, waysTo } from './ways.ts';

const help = `
Connects with a node, and prints a line for each round trip, with the way that it took;
at the end, how many were answered and how long they took. Ctrl-C ends it earlier.
The exit code is 1 if the node cannot be reached, or a round trip had no answer.

The node is given by its address, or by its id and nodes through which to find it.
An address may be a multiaddr, also one behind a relay; that needs the packages of
libp2p: docs/internet.md. With --until-direct, it ends as soon as the way is direct;
the exit code is 1 if it stays relayed for all of --count.

Examples:
  peerloom ping 127.0.0.1:10001
  peerloom ping --count 100 --every 0.1 seed.example.org:10001
  peerloom ping 12D3KooW… --bootstrap seed.example.org:10001
  peerloom ping 12D3KooW… --dht public --relay /dns4/relay.example.org/tcp/10001/p2p/12D3KooW…
  peerloom ping --until-direct /dns4/relay.example.org/tcp/10001/p2p/12D3KooW…/p2p-circuit/p2p/12D3KooW…`;

interface PingOptions extends WayOptions {
  readonly untilDirect?: true;
  readonly count: number;
  /** The time between two round trips, in seconds. */
  readonly every: number;
  /** How long to wait for an answer, in seconds. */
  readonly timeout: number;
  readonly bootstrap: readonly string[];
  readonly network?: string;
  readonly networkKey?: string;
}

/** Registers `peerloom ping`. */
export function addPingCommand(program: Command): void {
  const command = program
    .command('ping')
    .description('measure round trips to a node')
    .argument('<node>', 'host:port or multiaddr of the node, or its id', idOrAddress)
    .option('--count <number>', 'how many round trips; 0: until Ctrl-C', wholeNumber, 0)
    .option('--every <seconds>', 'the time between two round trips', seconds, 1)
    .option('--timeout <seconds>', 'how long to wait for an answer', seconds, 10)
    .addOption(
      new Option('--bootstrap <address...>', 'host:port or multiaddrs of nodes through which to find an id')
        .argParser(addAddress)
        .default([], 'none'),
    )
    .option('--until-direct', 'end as soon as a round trip did not go through a relay')
    .option('--network <name>', 'the network of the node')
    .addOption(new Option('--network-key <key>', 'the secret key of its network').env('PEERLOOM_NETWORK_KEY'))
    .addHelpText('after', help);
  addWayOptions(command).action(async (target: string, options: PingOptions) => {
    process.exitCode = await runPing(target, options);
  });
}

/** @returns the exit code. @throws PeerloomError if the node cannot be reached. */
async function runPing(target: string, options: PingOptions): Promise<number> {
  const ended = new AbortController();
  void untilSignal().then(() => ended.abort());
  const node = createNode(target, options);
  try {
    await node.start();
    if (options.bootstrap.length > 0) await node.waitForNodes(1, { signal: ended.signal });
    const peer = await node.connectWithNode(target, { signal: ended.signal });
    console.log(`PING ${peer.id}${peer.name === '' ? '' : ` (${safeLine(peer.name)})`}`);
    return await pingAll(peer, options, ended.signal);
  } catch (error) {
    if (ended.signal.aborted) return exitCodes.fine;
    throw error;
  } finally {
    await node.stop();
  }
}

async function pingAll(peer: NodeConnection, options: PingOptions, signal: AbortSignal): Promise<number> {
  const { count, every, timeout, untilDirect = false } = options;
  const times: number[] = [];
  let sent = 0;
  let isDirect = false;
  while (!signal.aborted && peer.isOpen && !isDirect && (count === 0 || sent < count)) {
    sent += 1;
    try {
      const roundTripMs = await peer.ping({ timeoutMs: timeout * 1_000, signal });
      times.push(roundTripMs);
      console.log(`${sent}: ${roundTripMs.toFixed(2)} ms, ${wayText(peer)}`);
      isDirect = untilDirect && peer.path !== 'relayed';
    } catch (error) {
      if (signal.aborted) sent -= 1;
      else complain(`${sent}: ${safeLine(messageOf(error))}`);
    }
    if (sent !== count && !isDirect) await pause(every * 1_000, signal);
  }
  console.log(summaryText(labelOf(peer), sent, times));
  const isWhole = signal.aborted || (untilDirect ? isDirect : count > 0 && sent === count);
  return isWhole && times.length === sent ? exitCodes.fine : exitCodes.failed;
}

/** The present path of the connection. It may improve while the connection is used. */
function wayText({ host, port, path, security, relay }: NodeConnection): string {
  if (relay !== undefined) return `${path} by ${relay.id}, ${security.protocol}`;
  // If the connection began at a relay, only the address of the relay is known.
  const to = port === 0 ? '' : ` to ${host}:${port}`;
  return `${path}, ${security.protocol}${to}`;
}

function summaryText(name: string, sent: number, times: readonly number[]): string {
  const answered = `${name}: ${sent} sent, ${times.length} answered`;
  if (times.length === 0) return answered;
  const sorted = [...times].sort((one, other) => one - other);
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const [least, median, most] = [sorted[0]!, sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!];
  const figures = Object.entries({ least, median, mean, most });
  return `${answered}; ${figures.map(([word, ms]) => `${word} ${ms.toFixed(2)}`).join(', ')} ms`;
}

function createNode(target: string, options: PingOptions): Node {
  const { network, networkKey, bootstrap: addresses } = options;
  try {
    const { transports, discovery } = waysTo([target, ...addresses], options);
    const all = [...(addresses.length > 0 ? [bootstrap(addresses)] : []), ...discovery];
    return new Node('127.0.0.1', 0, {
      name: 'peerloom ping',
      network,
      networkKey,
      transports,
      ...(all.length > 0 && { discovery: all }),
    });
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new WrongUse(error.message);
    throw error;
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      timer.cancel();
      resolve();
    };
    const timer = systemRuntime.setTimeout(() => {
      signal.removeEventListener('abort', end);
      resolve();
    }, delayMs);
    signal.addEventListener('abort', end, { once: true });
  });
}

function idOrAddress(text: string): string {
  if (!isPeerId(text)) addAddress(text, []);
  return text;
}

function seconds(text: string): number {
  const number = Number(text);
  if (/^\d*\.?\d+$/.test(text) && number >= 0.01 && number <= 86_400) return number;
  throw new InvalidArgumentError('It must be a number of seconds from 0.01 to 86400.');
}
