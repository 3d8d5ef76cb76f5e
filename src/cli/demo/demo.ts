import type { Data } from '../../base/data.ts';
import { Node } from '../../node/node.ts';
import { chat } from '../chat.ts';
import { safeLine } from '../describe.ts';
import { eventText } from '../event-text.ts';
import { complain, exitCodes } from '../failure.ts';
import { Prompt } from '../prompt.ts';
import { untilSignal } from '../signals.ts';
import { chatPageAddress, chatTopic, pageServer } from './chat-page.ts';
import { eventLine, headingLine } from './demo-lines.ts';
import { DemoNetwork } from './demo-network.ts';
import { tally } from './ledger.ts';
import { stayers, tellStory } from './story.ts';

/** The exit code that shells report for a program that Ctrl-C ended. */
const interruptedExitCode = 130;

/** The longest nick and text of a page that are printed whole. */
const maxNickCharacters = 32;
const maxTextCharacters = 400;

/**
 * Shows a network of five nodes, each in its own process, and checks that no message is lost. On a terminal, the user
 * may then join it.
 *
 * @returns the exit code.
 */
export async function runDemo(): Promise<number> {
  const prompt = new Prompt();
  const print = (line: string): void => prompt.print(line);
  const network = new DemoNetwork((name, report) => print(eventLine(name, report)));

  async function run(): Promise<number> {
    const failure = await tellStory(network, print).catch((error: Error) => error);
    await network.count();
    const { sent, received, lost, strange } = tally(network.accounts);
    const counts = `${sent} messages sent, ${received} received, ${lost} lost`;
    print(`\ndemo: ${network.accounts.size} nodes, ${network.linkCount} links, ${counts}`);
    if (strange > 0) complain(`${strange} messages arrived that nobody sent`);
    if (failure !== undefined) complain(`the demo failed: ${failure.message}`);
    if (failure !== undefined || lost + strange > 0) return exitCodes.failed;
    if (process.stdin.isTTY && process.stdout.isTTY) await join(network, prompt);
    return exitCodes.fine;
  }

  try {
    return await Promise.race([run(), untilSignal().then(() => interruptedExitCode)]);
  } finally {
    prompt.close();
    await network.end();
    process.stdin.destroy();
  }
}

/** Runs the user's own node in this process, with a prompt. */
async function join(network: DemoNetwork, prompt: Prompt): Promise<void> {
  const print = (line: string): void => prompt.print(line);
  print(headingLine('Your turn: a node of your own joins, in this process'));
  const node = new Node('127.0.0.1', 0, { name: 'you', callback: eventText(print) });
  node.subscribe(chatTopic);
  node.on('node_broadcast', (_origin, line) => printLine(line, node.name, print));
  await node.start();
  for (const name of stayers) {
    await node.connectWithNode('127.0.0.1', network.accounts.get(name)!.port);
    await network.connected(name, node.name);
  }
  await network.tell('ada', { do: 'answer' });
  print('Each line that you type goes to all of them; /help lists the commands.');
  print(`Join from a browser, too: ${chatPageAddress(network.accounts.get(pageServer)!.port)}`);
  await chat(node, prompt);
  await node.stop();
  await network.left(node.name);
}

/**
 * Prints a line from a page. It skips the user's own lines, which ada passes on to the pages: they are on the terminal.
 */
function printLine(line: Data, ownName: string, print: (line: string) => void): void {
  const { nick, text } = Object(line) as { readonly nick?: unknown; readonly text?: unknown };
  if (typeof nick !== 'string' || typeof text !== 'string' || nick === ownName) return;
  print(`${safeLine(nick.slice(0, maxNickCharacters))}: ${safeLine(text.slice(0, maxTextCharacters))}`);
}
