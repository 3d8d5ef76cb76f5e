import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import {
  type Data,
  Identity,
  type LostSession,
  MemoryHub,
  memory,
  Node,
  type NodeConnection,
  type ReturnedMessages,
  systemRuntime,
} from '../../../src/index.ts';
import { sign } from '../../../src/secure/envelope.ts';
import type { SecureNodeOptions } from '../../../src/secure/index.ts';
import { turns, until } from '../../support/turns.ts';
import { withLinks } from '../../support/with-links.ts';
import { connect, TestSecureNode, World } from './support/secure-nodes.ts';

const minute = 60_000;

/** A node that tells what comes back, and whose links a test can cut. */
class Sender extends TestSecureNode {
  readonly cameBack: ReturnedMessages[] = [];
  readonly lost: LostSession[] = [];

  override nodeMessageReturned(_peer: NodeConnection, messages: ReturnedMessages): unknown {
    this.cameBack.push(messages);
    return undefined;
  }

  override nodeSessionLost(_peer: NodeConnection, lost: LostSession): unknown {
    this.lost.push(lost);
    return undefined;
  }

  cut(): void {
    for (const link of this.links) link.destroy();
  }

  get returnedData(): Data[] {
    return this.cameBack.flatMap(({ data }) => data);
  }
}

/** Two nodes, whose clocks a test turns. */
async function pair(t: TestContext, options: SecureNodeOptions = {}) {
  const clock = { now: 1_000_000_000_000, skewOfBob: 0 };
  const hub = new MemoryHub();
  const start = async (name: string, skew: () => number): Promise<Sender> => {
    const runtime = { ...systemRuntime, wallNow: () => clock.now + skew() };
    const transport = withLinks(memory({ hub }), (link) => node.links.push(link));
    const node: Sender = new Sender(name, 1, { name, transports: [transport], runtime, ...options });
    t.after(() => node.stop());
    await node.start();
    return node;
  };
  const alice = await start('alice', () => 0);
  const bob = await start('bob', () => clock.skewOfBob);
  return { alice, bob, clock };
}

suite('what comes late', () => {
  test('after a long break is handed on when it is for one node, and comes back when it is for all', async (t) => {
    let isBarred = false;
    const authorize = (): boolean => !isBarred;
    const { alice, bob, clock } = await pair(t, { authorize, reconnect: { minDelayMs: 1, maxDelayMs: 5 } });
    const connection = await alice.connectWithNode('bob', 1, { reconnect: true });
    // Otherwise Bob would dial a link of his own, and the test would cut one that was given up already.
    await until(() => bob.allNodes.length === 1, 'bob knows of the connection');
    await bob.connectWithNode('alice', 1, { reconnect: true });
    isBarred = true;
    alice.cut();
    await until(() => connection.isSuspended, 'the link is lost');
    connection.send('for bob');
    alice.sendToNodes('for all');
    alice.sendToNode(bob.id, Uint8Array.of(1, 2));
    const asked = connection.request('a question');
    clock.now += 60 * minute;
    isBarred = false;
    await until(() => !connection.isSuspended && alice.allNodes.length === 1, 'the link is back');
    assert.deepEqual(await asked, { echo: 'a question' });
    assert.deepEqual(await bob.heard(2), ['for bob', Uint8Array.of(1, 2)]);
    await until(() => alice.cameBack.length > 0, 'the other message comes back');
    assert.deepEqual(alice.cameBack, [{ code: 'ERR_TIME_WINDOW', count: 1, data: ['for all'] }]);
    assert.deepEqual([alice.lost, bob.lost, bob.rejected], [[], [], ['ERR_TIME_WINDOW']]);
    assert.equal(connection.send('now'), true);
    await until(() => bob.data.at(-1) === 'now', 'the connection goes on');
  });

  test('because a handler is slow is handed on when it is for one node, and comes back when it is for all', async (t) => {
    const { alice, bob, clock } = await pair(t);
    const connection = await connect(alice, bob);
    const released = Promise.withResolvers<void>();
    bob.on('node_message', () => released.promise);
    connection.send('slow');
    await bob.heard(1);
    for (let count = 0; count < 150; count++) alice.sendToNodes({ count });
    const delivered = connection.deliver('for bob');
    clock.now += 11 * minute;
    released.resolve();
    await delivered;
    assert.deepEqual(bob.data, ['slow', 'for bob']);
    await until(() => alice.returnedData.length === 150, 'all that was for all comes back');
    assert.deepEqual(
      alice.returnedData,
      Array.from({ length: 150 }, (_, count) => ({ count })),
    );
    assert.ok(alice.cameBack.length >= 2, 'not all at once');
  });

  test('because of a wrong clock comes back, so that its sender learns of it', async (t) => {
    const { alice, bob, clock } = await pair(t);
    await connect(alice, bob);
    clock.skewOfBob = 30 * minute;
    alice.sendToNodes('too late for bob');
    await until(() => alice.cameBack.length === 1, 'it comes back');
    assert.deepEqual(alice.cameBack, [{ code: 'ERR_TIME_WINDOW', count: 1, data: ['too late for bob'] }]);
    // For Alice the clock of Bob is ahead: what he sends, and what he sends back, is from the future.
    bob.sendToNodes('too early for alice');
    await until(() => alice.rejected.length > 0, 'it is refused');
    assert.deepEqual(alice.data, []);
  });

  test('is counted, and not sent back, when it is large', async (t) => {
    const { alice, bob, clock } = await pair(t);
    await connect(alice, bob);
    clock.skewOfBob = 11 * minute;
    alice.sendToNodes(new Uint8Array(100_000));
    await until(() => alice.cameBack.length === 1, 'alice is told');
    assert.deepEqual(alice.cameBack, [{ code: 'ERR_TIME_WINDOW', count: 1, data: [] }]);
  });

  test('is counted, and not sent back, when another node wrote it', async (t) => {
    const { alice, bob, clock } = await pair(t);
    const mallory = Identity.generate();
    const time = clock.now - 11 * minute;
    const envelope = sign(mallory, {
      author: mallory.id,
      time,
      id: '0'.repeat(32),
      kind: 'message',
      data: 'old',
    });
    const hub = new MemoryHub();
    const thief = new Node('thief', 1, { transports: [memory({ hub })] });
    const victim = new TestSecureNode('victim', 1, {
      transports: [memory({ hub })],
      runtime: { ...systemRuntime, wallNow: () => clock.now },
    });
    t.after(() => Promise.all([thief.stop(), victim.stop()]));
    await Promise.all([thief.start(), victim.start()]);
    const heard: Data[] = [];
    thief.on('node_message', (_peer, data) => void heard.push(data));
    (await thief.connectWithNode('victim', 1)).send(envelope);
    await until(() => heard.length === 1, 'the thief is told');
    const { data } = heard[0] as { readonly data: Data };
    assert.deepEqual(data, { code: 'ERR_TIME_WINDOW', count: 1, messages: [] });
    assert.deepEqual([alice.cameBack, bob.cameBack], [[], []]);
  });
});

suite('a neighbour that sends back', () => {
  /** A node that says what a test makes up, signed, to a victim that hears what comes back. */
  async function liar(t: TestContext) {
    const hub = new MemoryHub();
    const identity = Identity.generate();
    const mallory = new Node('mallory', 1, { transports: [memory({ hub })], identity });
    const victim = new Sender('victim', 1, { transports: [memory({ hub })] });
    t.after(() => Promise.all([mallory.stop(), victim.stop()]));
    await Promise.all([mallory.start(), victim.start()]);
    const heard: Data[] = [];
    mallory.on('node_message', (_peer, data) => void heard.push(data));
    const link = await mallory.connectWithNode('victim', 1);
    await until(() => victim.allNodes.length === 1, 'both are connected');
    let count = 0;
    const say = (kind: string, data: Data, to = victim.id) => {
      const id = String(++count).padStart(32, '0');
      link.send(sign(identity, { author: identity.id, time: Date.now(), id, kind, to, data }));
    };
    return { victim, mallory, identity, heard, say };
  }

  test('what this node did not say to it is refused', async (t) => {
    const { victim, mallory, identity, heard, say } = await liar(t);
    victim.sendToNodes('for all');
    victim.sendToNode(mallory.id, 'for mallory');
    await until(() => heard.length === 2, 'mallory hears both');
    const [forAll, forMallory] = heard as [{ [key: string]: Data }, { [key: string]: Data }];
    const made = sign(identity, {
      author: identity.id,
      time: Date.now(),
      id: 'f'.repeat(32),
      kind: 'message',
      data: 1,
    });
    const code = 'ERR_TIME_WINDOW';
    const lies: Data[] = [
      null,
      { code, count: 1 },
      { code: 'ERR_HANDLER', count: 1, messages: [] },
      { code, count: 0.5, messages: [] },
      { code, count: 1, messages: [forAll, forMallory] },
      { code, count: 65, messages: Array(65).fill(forAll) },
      { code, count: 1, messages: [made] },
      { code, count: 1, messages: ['made up'] },
      { code, count: 1, messages: [{ ...forAll, data: 'another' }] },
      { code, count: 1, messages: [{ ...forAll, signature: made.signature }] },
      { code, count: 1, messages: [{ ...made, author: victim.id }] },
    ];
    for (const lie of lies) say('returned', lie);
    say('returned', { code, count: 2, messages: [forAll, forMallory] });
    await until(() => victim.cameBack.length > 0, 'what is true is handed on');
    assert.deepEqual(victim.cameBack, [{ code, count: 2, data: ['for all', 'for mallory'] }]);
    assert.equal(victim.rejected.length, lies.length);
    assert.deepEqual(victim.data, []);
  });

  test('what this node said to another one alone is refused', async (t) => {
    const { victim, say } = await liar(t);
    const [a, b] = await new World(t).line(2);
    a!.sendToNode(b!.id, 'for b');
    await b!.heard(1);
    say('returned', {
      code: 'ERR_TIME_WINDOW',
      count: 1,
      messages: [b!.received[0]!.message as unknown as Data],
    });
    await victim.refused(1);
    assert.deepEqual(victim.cameBack, []);
  });

  test('what came back does not go back again', async (t) => {
    const { victim, heard, say } = await liar(t);
    say('returned', { code: 'ERR_TIME_WINDOW', count: 1, messages: ['no envelope'] });
    await victim.refused(1);
    say('message', 'still heard');
    await victim.heard(1);
    await turns();
    assert.deepEqual(heard, []);
  });
});
