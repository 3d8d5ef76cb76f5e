import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { z } from 'zod';
import {
  type Data,
  defineMessage,
  defineRequest,
  MemoryHub,
  memory,
  Node,
  type NodeConnection,
  type NodeOptions,
} from '../../src/index.ts';

interface Vote {
  readonly about: string;
  readonly comment?: string | undefined;
}

/** Never called: that it compiles is the test, by `tsc`, and so is each expected error. */
export async function compiles(node: Node, peer: NodeConnection, vote: Vote): Promise<void> {
  // An interface, optional fields, and options that are undefined.
  peer.send(vote, { compression: undefined });
  await peer.deliver(vote, { timeoutMs: undefined, signal: undefined });
  node.sendToNodes(vote, { exclude: undefined });
  const options: NodeOptions = { name: undefined, limits: { maxStreams: undefined }, reconnect: undefined };
  new Node('127.0.0.1', 0, options);
  await node.connectWithNode('127.0.0.1', 1, { reconnect: undefined, id: undefined, timeoutMs: undefined });

  // Answers and infos of a type that the caller knows.
  const sum: number = await peer.request<number>([1, 2]);
  const nick: string = peer.getInfo('nick');
  const unknownInfo: unknown = peer.getInfo('other');

  // Handlers that declare the type of their data.
  class Ballot extends Node {
    override nodeMessage(_peer: NodeConnection, data: Vote): string {
      return data.about;
    }
  }
  node.on('node_message', (_peer, data: Vote) => data.about);

  // Typed messages and requests.
  const line = defineMessage('line', z.object({ text: z.string(), at: z.coerce.number() }));
  const history = defineRequest('history', {
    request: z.object({ since: z.number() }),
    response: z.array(z.string()),
  });
  peer.send(line({ text: 'hello', at: '5' }));
  node.handle(line, (_peer, { text, at }) => text.repeat(at));
  node.handle(history, (_peer, { since }) => [`${since}`]);
  const lines: string[] = await peer.request(history, { since: 0 });
  for await (const { data, error } of node.requestFromNodes(history, { since: 0 })) {
    const answered: string[] | undefined = data;
    if (error === undefined) lines.push(...data);
    else answered?.push(error.message);
  }
  // @ts-expect-error the request has another type
  node.requestFromNodes(history, { since: 'yesterday' });
  // @ts-expect-error the request has another type
  await peer.request(history, { since: 'yesterday' });
  // @ts-expect-error the message has another type
  line({ text: 5 });
  // @ts-expect-error the handler returns something else than the response
  node.handle(history, () => 5);

  // @ts-expect-error there is no such event
  node.on('message', () => {});
  // @ts-expect-error there is no such option
  new Node('127.0.0.1', 0, { naem: 'x' });
  // @ts-expect-error a message holds no symbols
  const wrong: Data = Symbol('wrong');
  return void [sum, nick, unknownInfo, Ballot, lines, wrong];
}

suite('data', () => {
  test('leaves out properties that are undefined, in every format', async () => {
    const hub = new MemoryHub();
    await using a = new Node('a', 1, { transports: [memory({ hub })] });
    await using b = new Node('b', 1, { transports: [memory({ hub })] });
    await Promise.all([a.start(), b.start()]);
    const seen: Data[] = [];
    b.on('node_message', (_peer, data) => void seen.push(data));
    const peer = await a.connectWithNode('b', 1);
    const vote: Vote = { about: 'apples', comment: undefined };
    await peer.deliver(vote);
    await peer.deliver({ list: [vote], bytes: Uint8Array.of(1), nothing: undefined });
    assert.deepStrictEqual(seen, [
      { about: 'apples' },
      { list: [{ about: 'apples' }], bytes: Uint8Array.of(1) },
    ]);
    for (const wrong of [[undefined], { at: [1, undefined] }, undefined]) {
      assert.throws(() => peer.send(wrong as Data), /undefined/);
    }
    assert.throws(
      () => peer.send(Promise.resolve(1) as unknown as Data),
      /a promise: did you forget await\?/,
    );
  });
});
