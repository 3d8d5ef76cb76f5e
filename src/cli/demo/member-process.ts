// The program of a node of the demo. It receives commands and reports events over the IPC channel of Node.js.
import type { NodeEventName } from '../../api/events.ts';
import { type Compression, type Data, Node, type NodeConnection, tcp } from '../../index.ts';
import { describe } from '../describe.ts';
import { guardOutputs } from '../outputs.ts';
import { chatTopic, pageServer, serveChatPage } from './chat-page.ts';
import { fingerprint, type Ledger } from './ledger.ts';

/** A command to a member. */
export type Command =
  | { readonly do: 'start' | 'count' | 'stop' }
  | { readonly do: 'connect'; readonly port: number }
  | {
      /** `deliver` waits until the peers have handled the message. */
      readonly do: 'send' | 'deliver';
      readonly data: Data;
      /** The name of a peer. Default: all peers. */
      readonly to?: string;
      readonly compression?: Compression;
    }
  /** Makes the member answer every message from now on. */
  | { readonly do: 'answer' };

/** An event. It is reported when it happens. */
export interface EventReport {
  readonly event: NodeEventName;
  /** The name of the peer that the event is about. */
  readonly peer: string | undefined;
  readonly detail: string;
}

/** What the member reports after each command. */
export interface Account extends Ledger {
  readonly id: string;
  readonly port: number;
}

export type Report = EventReport | { readonly account: Account } | { readonly failure: string };

guardOutputs();

const maxDetailCharacters = 60;
const sent: Record<string, string[]> = {};
const received: Record<string, string[]> = {};
let answers = false;

const name = process.argv[2]!;
/** Whether this member serves the chat page. */
const servesPages = name === pageServer;

const node = new Node('127.0.0.1', 0, {
  name,
  ...(servesPages && {
    transports: [tcp({ accept: ['tls', 'websocket'], webSocket: { onRequest: serveChatPage } })],
  }),
  callback: (event, _node, peer, data) => {
    tell({ event, peer: peer?.name, detail: detailOf(peer, data) });
    if (event === 'node_disconnect_with_outbound_node') post(peer!, 'Goodbye, I am leaving.');
    if (event !== 'node_message') return;
    note(received, peer!, data as Data);
    if (answers && servesPages) tellPages(peer!.name, data as Data);
    if (answers) post(peer!, `I got your ${describe(data, maxDetailCharacters)}.`);
  },
});

async function obey(command: Command): Promise<void> {
  switch (command.do) {
    case 'start':
      return node.start();
    case 'connect':
      await node.connectWithNode('127.0.0.1', command.port);
      return;
    case 'send':
      return send(command);
    case 'deliver':
      await Promise.all(neighbours(command.to).map((peer) => deliver(peer, command.data)));
      return;
    case 'answer':
      answers = true;
      return;
    case 'stop':
      return node.stop();
  }
}

function send({ data, to, compression = 'none' }: Extract<Command, { do: 'send' | 'deliver' }>): void {
  for (const peer of neighbours(to)) note(sent, peer, data);
  if (to === undefined) node.sendToNodes(data, { compression });
  else node.sendToNode(neighbours(to)[0]!, data, { compression });
}

function post(peer: NodeConnection, text: string): void {
  note(sent, peer, text);
  peer.send(text);
}

/** Passes a message from another node on to the pages. */
function tellPages(nick: string, data: Data): void {
  node.broadcast(
    { nick, text: typeof data === 'string' ? data : describe(data, maxDetailCharacters) },
    { topic: chatTopic },
  );
}

function deliver(peer: NodeConnection, data: Data): Promise<void> {
  note(sent, peer, data);
  return peer.deliver(data);
}

function neighbours(name: string | undefined): readonly NodeConnection[] {
  return node.allNodes.filter((peer) => name === undefined || peer.name === name);
}

function note(side: Record<string, string[]>, peer: NodeConnection, data: Data): void {
  side[peer.name] ??= [];
  side[peer.name]!.push(fingerprint(data));
}

function detailOf(peer: NodeConnection | undefined, data: unknown): string {
  if (data instanceof Error) return data.message;
  return data === undefined ? (peer?.closeReason?.message ?? '') : describe(data, maxDetailCharacters);
}

function tell(report: Report, then = (): void => {}): void {
  // The demo's process may have ended already.
  if (process.connected) process.send!(report, undefined, undefined, then);
}

process.on('message', async (command: Command) => {
  try {
    await obey(command);
  } catch (error) {
    return tell({ failure: (error as Error).message });
  }
  const account = { id: node.id, port: node.port, sent, received };
  tell({ account }, () => command.do === 'stop' && process.exit());
});
// Ctrl-C reaches all processes of the terminal. This one ignores it, because the demo ends its members.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
