import type { ConnectOptions } from '../api/connect-options.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { Data } from '../base/data.ts';
import { didYouMean } from '../base/nearest-name.ts';
import type { Node } from '../node/node.ts';
import { labelOf, safeLine } from './describe.ts';
import { addressOf, peerText } from './event-text.ts';

/** The least characters of an id's end that name a peer. With fewer, a typing mistake could match another peer. */
const minIdEnd = 4;

/** How long `/ping` waits for the answer. */
const pingTimeoutMs = 5_000;

/** The parts that commands use. */
export interface CommandContext {
  readonly node: Node;
  readonly print: (line: string) => void;
  /** Sends data to all peers, and prints a line for each failure. */
  readonly send: (data: Data) => void;
  /** Ends the chat. */
  readonly leave: () => void;
  /** The options with which `/connect` connects. */
  readonly connectOptions: ConnectOptions;
}

/** Thrown if a command cannot be carried out. The message says what to do instead. */
class CannotDo extends Error {}

interface Command {
  /** The argument that follows the name, as the help shows it. */
  readonly argument?: string;
  readonly help: string;
  readonly run: (context: CommandContext, argument: string) => void | Promise<void>;
}

const commands: Readonly<Record<string, Command>> = {
  '/who': {
    help: 'list the peers: name, id, address',
    run: ({ node, print }) => {
      for (const peer of node.allNodes) print(peerText(peer));
      if (node.allNodes.length === 0) print(nobody(node));
    },
  },
  '/connect': {
    argument: 'ADDRESS',
    help: 'connect with a node: /connect 127.0.0.1:10001',
    run: async ({ node, print, connectOptions }, address) => {
      const before = new Set(node.allNodes);
      print(`connecting with ${address} …`);
      const peer = await node.connectWithNode(address, connectOptions);
      if (before.has(peer)) print(`${labelOf(peer)} is connected already`);
    },
  },
  '/disconnect': {
    argument: 'NAME|ID',
    help: 'end the connection with a peer',
    run: ({ node }, name) => peerNamed(name, node).stop(),
  },
  '/ping': {
    argument: 'NAME|ID',
    help: 'measure the round trip to a peer',
    run: async ({ node, print }, name) => {
      const peer = peerNamed(name, node);
      const roundTripMs = await peer.ping({ timeoutMs: pingTimeoutMs });
      print(`${labelOf(peer)} answered within ${roundTripMs.toFixed(1)} ms`);
    },
  },
  '/json': {
    argument: 'JSON',
    help: 'send data instead of text: /json {"round": 1}',
    run: ({ send }, json) => send(parsed(json)),
  },
  '/help': {
    help: 'print this list',
    run: ({ print }) => {
      print('Each line that you type goes to all peers. The up key brings earlier lines back. Commands:');
      for (const [name, { argument = '', help }] of Object.entries(commands)) {
        print(`  ${`${name} ${argument}`.padEnd(20)} ${help}`);
      }
      print(`  ${'//text'.padEnd(20)} send a text that begins with a slash: /text`);
    },
  },
  '/quit': { help: 'leave (so do Ctrl-C and Ctrl-D)', run: ({ leave }) => leave() },
};

/** Runs the command in a line that begins with a slash. If it fails, one line is printed. */
export async function runCommand(line: string, context: CommandContext): Promise<void> {
  const [, name, argument] = /^(\S+)\s*(.*)$/s.exec(line) as unknown as [string, string, string];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (command === undefined) {
      const hint = didYouMean(name, Object.keys(commands)) || '.';
      throw new CannotDo(
        `There is no command ${name}${hint} /help lists the commands. To send text that begins with a slash, type //.`,
      );
    }
    if (command.argument !== undefined && argument === '') {
      throw new CannotDo(`Usage: ${name} ${command.argument} (${command.help})`);
    }
    await command.run(context, argument);
  } catch (error) {
    const { message } = error as Error;
    context.print(safeLine(error instanceof CannotDo ? message : `${name}: ${message}`));
  }
}

/** The text for when no peer is connected, with advice. */
export function nobody(node: Node): string {
  return `No peer is connected: use /connect ADDRESS, or start another node with: peerloom node --connect ${addressOf(node)}.`;
}

/** Finds a peer by its name, its id, or the end of its id. */
function peerNamed(text: string, node: Node): NodeConnection {
  const exact = node.allNodes.find(({ id }) => id === text);
  if (exact !== undefined) return exact;
  const end = text.replace(/^…/, '');
  const isEndOf = (id: string): boolean => end.length >= minIdEnd && id.endsWith(end);
  const found = node.allNodes.filter(({ name, id }) => name === text || isEndOf(id));
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const ids = found.map(({ id }) => id).join(', ');
    throw new CannotDo(`${found.length} peers match '${text}'. Give one of their ids: ${ids}`);
  }
  const hint = didYouMean(
    text,
    node.allNodes.map(({ name }) => name),
  );
  throw new CannotDo(`No peer is called '${text}'${hint || '.'} /who lists the peers.`);
}

function parsed(json: string): Data {
  try {
    return JSON.parse(json) as Data;
  } catch (error) {
    throw new CannotDo(
      `Not sent, because it is not JSON: ${(error as Error).message}. Example: /json {"a": 1}`,
    );
  }
}
