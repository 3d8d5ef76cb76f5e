import type { ConnectOptions } from '../api/connect-options.ts';
import type { Data } from '../base/data.ts';
import type { Node } from '../node/node.ts';
import { labelOf } from './describe.ts';
import type { Prompt } from './prompt.ts';
import { nobody, runCommand } from './prompt-commands.ts';

/**
 * Chats at the terminal until the user leaves.
 *
 * @param connectOptions the options with which the user's `/connect` connects.
 */
export function chat(node: Node, prompt: Prompt, connectOptions: ConnectOptions = {}): Promise<void> {
  const context = {
    node,
    print: (line: string) => prompt.print(line),
    send: (data: Data) => send(data, node, prompt),
    leave: () => prompt.close(),
    connectOptions,
  };
  return prompt.read((line) => {
    const text = line.trim();
    if (text.startsWith('//')) send(text.slice(1), node, prompt);
    else if (text.startsWith('/')) void runCommand(text, context);
    else if (text !== '') send(line, node, prompt);
  });
}

function send(data: Data, node: Node, prompt: Prompt): void {
  const { sent, failed } = node.sendToNodes(data);
  for (const { connection, error } of failed) {
    prompt.print(`Not sent to ${labelOf(connection)}: ${error.message}`);
  }
  if (sent + failed.length === 0) {
    prompt.print(`Not sent. ${nobody(node)} The up key brings your line back.`);
  }
}
