import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import { type Data, Identity, MemoryHub, memory, Node, systemRuntime } from '../../../src/index.ts';
import { type Envelope, sign } from '../../../src/secure/envelope.ts';
import { until } from '../../support/turns.ts';
import { connect, TestSecureNode } from './support/secure-nodes.ts';

const skewMs = 300_000;
const maxSeenMessages = 1_024;

/** Mallory is a neighbour of Alice, whose clock is ahead, and of Bob, and keeps what it hears. */
async function setUp(t: TestContext) {
  const hub = new MemoryHub();
  const transports = () => [memory({ hub })];
  const alice = new TestSecureNode('alice', 1, {
    transports: transports(),
    runtime: { ...systemRuntime, wallNow: () => Date.now() + skewMs },
  });
  const bob = new TestSecureNode('bob', 1, { transports: transports(), maxSeenMessages });
  const mallory = new Node('mallory', 1, { transports: transports() });
  t.after(() => Promise.all([alice.stop(), bob.stop(), mallory.stop()]));
  await Promise.all([alice.start(), bob.start(), mallory.start()]);
  const heard: Data[] = [];
  mallory.on('node_message', (_peer, data) => void heard.push(data));
  await mallory.connectWithNode('alice', 1);
  const toBob = await mallory.connectWithNode('bob', 1);
  await connect(alice, bob);
  await until(() => alice.allNodes.length === 2, 'mallory and bob are connected with alice');
  return { alice, bob, heard, toBob };
}

function messageOf(author: Identity, data: Data): Envelope {
  const id = randomBytes(16).toString('hex');
  return sign(author, { author: author.id, time: Date.now(), id, kind: 'message', data });
}

suite('a replay', () => {
  test('of an author whose clock is ahead is refused, however many messages a neighbour brings in between', async (t) => {
    const { alice, bob, heard, toBob } = await setUp(t);
    alice.sendToNodes('pay');
    await until(() => heard.length === 1, 'mallory hears the payment');
    await bob.heard(1);
    const authors = Array.from({ length: 20 }, () => Identity.generate());
    for (let count = 0; count < maxSeenMessages + 20; count++) {
      toBob.send(messageOf(authors[count % authors.length]!, 'noise'));
    }
    await toBob.deliver(messageOf(authors[0]!, 'the last one'));
    toBob.send(heard[0]!);
    await until(() => bob.messageCountDuplicate === 1, 'the replay is dropped');
    assert.equal(bob.data.filter((data) => data === 'pay').length, 1);
  });

  test('is refused when a neighbour floods with new authors, which keeps nobody else from being heard', async (t) => {
    const { alice, bob, heard, toBob } = await setUp(t);
    alice.sendToNodes('pay');
    await until(() => heard.length === 1, 'mallory hears the payment');
    await bob.heard(1);
    for (let count = 0; count < maxSeenMessages; count++) toBob.send(messageOf(Identity.generate(), 'noise'));
    await assert.rejects(toBob.deliver(messageOf(Identity.generate(), 'noise')));
    const codes = new Set(bob.rejected);
    assert.deepEqual(codes, new Set(['ERR_TOO_MANY_MESSAGES']));
    toBob.send(heard[0]!);
    await until(() => bob.messageCountDuplicate === 1, 'the replay is dropped');
    alice.sendToNodes('pay again');
    await until(() => bob.data.at(-1) === 'pay again', 'alice is heard');
    assert.equal(bob.data.filter((data) => data === 'pay').length, 1);
  });
});
