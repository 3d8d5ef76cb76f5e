import { existsSync, fstatSync } from 'node:fs';
import type { Discovery } from '../api/discovery.ts';
import type { NodeOptions } from '../api/options.ts';
import { bootstrap } from '../discovery/bootstrap.ts';
import { mdns } from '../discovery/mdns.ts';
import { peerStore } from '../discovery/peer-store.ts';
import { Node } from '../node/node.ts';
import { chat } from './chat.ts';
import { eventJson, listeningJson } from './event-json.ts';
import { addressOf, eventText } from './event-text.ts';
import { complain, exitCodes, WrongUse } from './failure.ts';
import { identityIn } from './identity-in.ts';
import { sendLines } from './piped-lines.ts';
import { Prompt } from './prompt.ts';
import { untilSignal } from './signals.ts';

/** The options of `peerloom node`, as the command line gives them. */
export interface NodeCommandOptions extends Pick<NodeOptions, 'name' | 'network' | 'networkKey' | 'debug'> {
  readonly host: string;
  readonly port: number;
  readonly connect: readonly string[];
  readonly bootstrap: readonly string[];
  readonly peerStore?: string;
  readonly mdns?: true;
  readonly presence?: true;
  readonly reconnect?: true;
  readonly identity?: string;
  readonly passphraseEnv?: string;
  readonly stay?: true;
  readonly json?: true;
}

/**
 * Runs a node until the user, the end of the input or a signal ends it.
 *
 * @returns the exit code.
 * @throws WrongUse, and PeerloomError from {@link Node.start} and {@link Node.connectWithNode}.
 */
export async function runNode(options: NodeCommandOptions): Promise<number> {
  const { host, port, connect, reconnect, identity, passphraseEnv, presence, stay, json } = options;
  const { name, network, networkKey, debug } = options;
  const prompt = process.stdin.isTTY && process.stdout.isTTY && !json ? new Prompt() : undefined;
  const print = (line: string): void => (prompt === undefined ? console.log(line) : prompt.print(line));
  const file = identityIn(identity, passphraseEnv);
  const isNew = identity !== undefined && !existsSync(identity);
  const node = createNode(host, port, {
    name,
    network,
    networkKey,
    debug,
    presence: presence ?? false,
    ...(file && { identity: file }),
    discovery: discoveriesOf(options),
    callback: json ? eventJson(print) : eventText(print, prompt === undefined ? 'whole' : 'cut'),
  });
  // Without this line, a misspelt path would silently give the node another id.
  if (isNew) complain(`created a new identity in ${identity}`);

  async function run(): Promise<number> {
    await node.start();
    print(json ? listeningJson(node) : `Listening on ${addressOf(node)}\nas ${node.id}`);
    const connectOptions = { reconnect: reconnect ?? false, retry: reconnect ?? false };
    await Promise.all(connect.map((address) => node.connectWithNode(address, connectOptions)));
    if (prompt !== undefined) {
      print('Each line that you type goes to all peers; /help lists the commands.');
      await chat(node, prompt, connectOptions);
      return exitCodes.fine;
    }
    if (!stay && isNothing(process.stdin.fd)) {
      complain('there is no input, so the node runs until SIGTERM or Ctrl-C');
      await new Promise(() => {});
    }
    const waits = connect.length === 0 || reconnect === true;
    const { lines, isComplete } = await sendLines(node, { waits, warn: complain });
    if (stay) await new Promise(() => {});
    if (lines === 0) complain('the input was empty, so the node stops; use --stay to keep it running');
    return isComplete ? exitCodes.fine : exitCodes.failed;
  }

  try {
    return await Promise.race([run(), untilSignal().then(() => exitCodes.fine)]);
  } finally {
    prompt?.close();
    await node.stop();
    process.stdin.destroy();
  }
}

/** Whether the input is the null device, as in services and containers. */
function isNothing(input: number): boolean {
  return !process.stdin.isTTY && fstatSync(input).isCharacterDevice();
}

function createNode(host: string, port: number, options: NodeOptions): Node {
  try {
    return new Node(host, port, options);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new WrongUse(error.message);
    throw error;
  }
}

function discoveriesOf({
  bootstrap: addresses,
  peerStore: path,
  mdns: isLocal,
}: Pick<NodeCommandOptions, 'bootstrap' | 'peerStore' | 'mdns'>): readonly Discovery[] {
  return [
    ...(addresses.length > 0 ? [bootstrap(addresses)] : []),
    ...(path === undefined ? [] : [peerStore({ path })]),
    ...(isLocal ? [mdns()] : []),
  ];
}
