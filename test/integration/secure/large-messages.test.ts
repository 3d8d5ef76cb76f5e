import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, MemoryHub, memory } from '../../../src/index.ts';
import { SecureNode } from '../../../src/secure/index.ts';
import { withCode } from '../../support/errors.ts';
import { connect, type TestSecureNode, World } from './support/secure-nodes.ts';

/** Proven in many steps. */
const large = (name: string): Data => [name, Array(50_000).fill(1)];

suite('large messages of a SecureNode', () => {
  test('arrive in order with small ones, each once', async (t) => {
    const [alice, bob] = (await new World(t).line(2)) as [TestSecureNode, TestSecureNode];
    const peer = alice.allNodes[0]!;
    const names: string[] = [];
    for (let count = 0; count < 12; count++) {
      names.push(`${count}`);
      peer.send(count % 3 === 0 ? large(`${count}`) : [`${count}`]);
    }
    await peer.deliver(large('last'));
    assert.deepEqual(
      bob.data.map((data) => (data as readonly [string])[0]),
      [...names, 'last'],
    );
  });

  test('are requests and answers as well', async (t) => {
    const [alice, bob] = (await new World(t).line(2)) as [TestSecureNode, TestSecureNode];
    const answers = await Promise.all(
      [alice, bob].flatMap((node) => [1, 2, 3].map((count) => node.allNodes[0]!.request(large(`${count}`)))),
    );
    assert.deepEqual(
      answers.map((answer) => (answer as { readonly echo: readonly [string] }).echo[0]),
      ['1', '2', '3', '1', '2', '3'],
    );
  });

  test('to a node without a handler for them fail, as small ones do', async (t) => {
    const hub = new MemoryHub();
    const [alice, bob] = ['alice', 'bob'].map(
      (name) => new SecureNode(name, 0, { name, transports: [memory({ hub })] }),
    ) as [SecureNode, SecureNode];
    t.after(() => Promise.all([alice.stop(), bob.stop()]));
    await Promise.all([alice.start(), bob.start()]);
    const peer = await connect(alice, bob);
    for (const data of ['small', large('large')]) {
      await assert.rejects(
        peer.deliver(data),
        (error: Error) => withCode('ERR_HANDLER')(error) && /no handler/.test(error.message),
      );
    }
  });
});
