import type { Node } from '../node.ts';
import { labelOf } from './describe.ts';
import { addressOf, peerText } from './event-text.ts';
import type { Prompt } from './prompt.ts';

const help = [
  'What you type goes to everybody you are connected with. Besides:',
  '  /peers  who that is',
  '  /help   this text',
  '  /quit   leave (so do Ctrl-C and Ctrl-D)',
];

/** A conversation at the terminal, until the user leaves. */
export function chat(node: Node, prompt: Prompt): Promise<void> {
  return prompt.read((line) => {
    const text = line.trim();
    if (text === '/quit') prompt.close();
    else if (text === '/help') for (const one of help) prompt.print(one);
    else if (text === '/peers') printPeers(node, prompt);
    else if (text.startsWith('/'))
      prompt.print(`There is no ${text.split(' ')[0]}; /help tells what there is.`);
    else if (text !== '') say(line, node, prompt);
  });
}

function printPeers(node: Node, prompt: Prompt): void {
  if (node.allNodes.length === 0) prompt.print(nobody(node));
  for (const peer of node.allNodes) prompt.print(peerText(peer));
}

function say(line: string, node: Node, prompt: Prompt): void {
  const { sent, failed } = node.sendToNodes(line);
  for (const { connection, error } of failed) {
    prompt.print(`Not sent to ${labelOf(connection)}: ${error.message}`);
  }
  if (sent + failed.length === 0) prompt.print(`Not sent. ${nobody(node)}`);
}

function nobody(node: Node): string {
  return `Nobody is connected. Others come in with: peerloom node --connect ${addressOf(node)}`;
}
