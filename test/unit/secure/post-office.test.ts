import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Steps } from '../../../src/base/steps.ts';
import { type Data, Identity, systemRuntime } from '../../../src/index.ts';
import { canonicalJson } from '../../../src/secure/canonical-json.ts';
import { dataToBytes } from '../../../src/secure/data-bytes.ts';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { encryptionKeyOf, hpkeSeal } from '../../../src/secure/hpke.ts';
import {
  frameOfLetter,
  readSecureFrame,
  relayRequestOf,
  setBudget,
} from '../../../src/secure/secure-frames.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';
import { heldBytes } from '../../support/memory.ts';
import { turns, until } from '../../support/turns.ts';
import { bring, line, link, TestPost } from './post-network.ts';

const noRoute = withCode('ERR_NO_ROUTE');
const mail = (data: Data) => ({ topic: 'test', data });
const runtime = systemRuntime;

/** A letter's answer as its addressee makes it, for whoever can sign it. */
async function answerTo(letter: Envelope, data: Data): Promise<Data> {
  const context = { info: 'peerloom-letter-1', associated: canonicalJson([letter.to!, letter.author]) };
  const sealed = await hpkeSeal(encryptionKeyOf(letter.author), dataToBytes(data), context);
  return { request: letter.id, sealed };
}

const letterIn = (data: Data): Envelope => data as unknown as Envelope;

suite('letters', () => {
  test('reach a node far away, once, and its answer comes back', async () => {
    const [a, b, c, d] = line(runtime, 4) as [TestPost, TestPost, TestPost, TestPost];
    link(a, c);
    link(b, d);
    assert.deepEqual(await a.post.ask(d.id, mail('hello'), 5_000), { echo: 'hello' });
    assert.deepEqual(d.mail, [mail('hello')]);
    assert.deepEqual([b.mail, c.mail], [[], []]);
    assert.deepEqual(
      [a, b, c, d].flatMap(({ refused }) => refused),
      [],
    );
  });

  test('to a neighbour over an encrypted link are not encrypted again, over another one they are', async () => {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    assert.deepEqual(await a.post.ask(b.id, mail(1), 5_000), { echo: 1 });
    assert.deepEqual(b.requests, []);
    await a.post.askEncrypted(b.id, mail(2), 5_000);
    assert.equal(b.requests.length, 1);
    const c = new TestPost(runtime);
    const [toC] = link(a, c);
    toC.isEncrypted = false;
    assert.deepEqual(await a.post.ask(c.id, mail(3), 5_000), { echo: 3 });
    assert.equal(c.requests.length, 1);
    const text = Buffer.from(letterIn(c.requests[0]!.letter).data as Uint8Array).toString('latin1');
    assert.ok(!text.includes('test'), 'nothing of it can be read');
    assert.equal(b.requests.length, 1, 'a neighbour is reached directly');
  });

  test('lead nowhere where nobody leads, and where there is no connection at all', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    const alone = new TestPost(runtime);
    await assert.rejects(a.post.ask(alone.id, mail(1), 5_000), noRoute);
    assert.deepEqual([b.requests.length, c.requests.length], [1, 1]);
    await assert.rejects(alone.post.ask(a.id, mail(1), 5_000), withCode('ERR_NOT_CONNECTED'));
  });

  test('are passed on once by each node, to all but the neighbour that brought them', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    link(c, a);
    await assert.rejects(a.post.ask(Identity.generate().id, mail(1), 5_000), noRoute);
    const froms = [a, b, c].map(({ requests }) => requests.length);
    // A's letter to B and C; each brings it to the other one, and none brings it back to A.
    assert.deepEqual(froms, [0, 2, 2]);
    assert.deepEqual(
      [a, b, c].flatMap(({ refused }) => refused),
      [],
    );
  });

  test('have an answer when one way of several leads to the addressee', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    for (const lie of [null, [], 'no', { kind: 'answer' }] as Data[]) {
      const liar = new TestPost(runtime);
      liar.relay = () => lie;
      link(a, liar);
    }
    assert.deepEqual(await a.post.ask(c.id, mail('hello'), 5_000), { echo: 'hello' });
    assert.deepEqual(b.refused, []);
  });

  test('have no answer when the addressee has none', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    c.respond = () => Promise.reject(new Error('a bug'));
    await assert.rejects(a.post.ask(c.id, mail(1), 5_000), noRoute);
    assert.deepEqual([b.refused, c.refused], [[], []]);
  });
});

suite('a relay', () => {
  /** Alice, a relay that a test makes hostile, and Bob. */
  function scene() {
    const [alice, mallory, bob] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    return { alice, mallory, bob };
  }

  test('that answers in the name of the addressee is not believed', async () => {
    const { alice, mallory, bob } = scene();
    mallory.relay = async ({ letter }) => {
      const forged = await answerTo(letterIn(letter), 'a lie');
      return mallory.notary.sign('answer', forged, alice.id) as unknown as Data;
    };
    await assert.rejects(alice.post.ask(bob.id, mail('hello'), 5_000), noRoute);
    mallory.relay = async ({ letter }) => {
      const forged = mallory.notary.sign('answer', await answerTo(letterIn(letter), 'a lie'), alice.id);
      return { ...forged, author: bob.id } as unknown as Data;
    };
    await assert.rejects(alice.post.ask(bob.id, mail('hello'), 5_000), noRoute);
  });

  test('that gives the answer to an earlier letter is not believed', async () => {
    const { alice, mallory, bob } = scene();
    const answers: Data[] = [];
    mallory.relay = async ({ letter }) => {
      answers.push((await bring(mallory, bob, letter))!);
      return answers[0]!;
    };
    assert.deepEqual(await alice.post.ask(bob.id, mail('is it safe?'), 5_000), { echo: 'is it safe?' });
    await assert.rejects(alice.post.ask(bob.id, mail('and now?'), 5_000), noRoute);
    assert.equal(answers.length, 2);
  });

  test('that gives an answer of the addressee to somebody else, or of another kind, is not believed', async () => {
    const { alice, mallory, bob } = scene();
    const carol = Identity.generate();
    const lies: ((letter: Envelope) => Promise<Data>)[] = [
      async (letter) => bob.notary.sign('answer', await answerTo(letter, 1), carol.id) as unknown as Data,
      async (letter) => bob.notary.sign('message', await answerTo(letter, 1), alice.id) as unknown as Data,
      async (letter) => bob.notary.sign('answer', { request: letter.id }, alice.id) as unknown as Data,
      async (letter) => {
        const answer = { request: letter.id, sealed: 'text' };
        return bob.notary.sign('answer', answer, alice.id) as unknown as Data;
      },
      async (letter) => {
        const answer = { ...((await answerTo(letter, 1)) as object), more: 'of it' };
        return bob.notary.sign('answer', answer, alice.id) as unknown as Data;
      },
    ];
    for (const lie of lies) {
      mallory.relay = ({ letter }) => lie(letterIn(letter));
      await assert.rejects(alice.post.ask(bob.id, mail(1), 5_000), noRoute);
    }
    mallory.relay = async ({ letter }) => {
      const answer = await answerTo(letterIn(letter), 'the truth');
      return bob.notary.sign('answer', answer, alice.id) as unknown as Data;
    };
    assert.equal(await alice.post.ask(bob.id, mail(1), 5_000), 'the truth');
  });

  test('on the path that keeps a letter to itself holds it up for a quarter of the time', async () => {
    const { alice, mallory, bob } = scene();
    const carol = new TestPost(runtime);
    link(alice, carol);
    link(carol, bob);
    alice.vias.set(bob.id, mallory.id);
    mallory.relay = () => undefined;
    assert.deepEqual(await alice.post.ask(bob.id, mail('hello'), 2_000), { echo: 'hello' });
    assert.deepEqual([mallory.requests.length, carol.requests.length], [1, 1]);
  });

  test('that alters an answer is passed over by the next relay', async () => {
    const [alice, carol, mallory, bob] = line(runtime, 4) as [TestPost, TestPost, TestPost, TestPost];
    const answers: Data[] = [];
    mallory.relay = async ({ letter }) => {
      const answer = (await bring(mallory, bob, letter)) as { readonly data: object };
      return { ...answer, data: { ...answer.data, sealed: new Uint8Array(80) } } as Data;
    };
    const toAlice = carol.post.neighbours.get(alice.id)!;
    const answerRelay = toAlice.answerRelay.bind(toAlice);
    toAlice.answerRelay = (hash, answer) => {
      answers.push(answer);
      answerRelay(hash, answer);
    };
    await assert.rejects(alice.post.ask(bob.id, mail(1), 5_000), noRoute);
    assert.equal(bob.mail.length, 1);
    assert.deepEqual(answers, [null], 'it tells Alice that this way leads nowhere');
  });

  test('cannot send what was encrypted for another letter as its own', async () => {
    const { alice, mallory, bob } = scene();
    mallory.relay = () => null;
    await assert.rejects(alice.post.ask(bob.id, mail('from alice'), 5_000), noRoute);
    const stolen = letterIn(mallory.requests[0]!.letter);
    const own = mallory.notary.sign('letter', stolen.data, bob.id);
    assert.equal(await bring(mallory, bob, own), null);
    assert.deepEqual([bob.mail, bob.refused], [[], ['ERR_DECRYPTION']]);
  });

  test('that alters a letter, or sends it to another node, is refused', async () => {
    const { alice, mallory, bob } = scene();
    const carol = new TestPost(runtime);
    link(mallory, carol);
    mallory.relay = () => null;
    await assert.rejects(alice.post.ask(bob.id, mail('from alice'), 5_000), noRoute);
    const stolen = letterIn(mallory.requests[0]!.letter);
    assert.equal(await bring(mallory, carol, { ...stolen, to: carol.id }), undefined);
    assert.equal(await bring(mallory, bob, { ...stolen, author: mallory.id }), undefined);
    assert.equal(await bring(mallory, bob, { ...stolen, data: new Uint8Array(100) }), undefined);
    assert.deepEqual(carol.refused, ['ERR_HASH_MISMATCH']);
    assert.deepEqual(bob.refused, ['ERR_HASH_MISMATCH', 'ERR_HASH_MISMATCH']);
    assert.deepEqual([bob.mail, carol.mail], [[], []]);
    assert.ok(await bring(mallory, bob, stolen));
    assert.deepEqual(bob.mail, [mail('from alice')]);
    assert.equal(await bring(mallory, bob, stolen), undefined, 'and a second time not');
    assert.equal(bob.mail.length, 1);
  });

  test('that brings something that is not a letter, nor a survey, is refused', async () => {
    const { alice, mallory } = scene();
    const { notary } = mallory;
    const bob = Identity.generate();
    const sealed = new Uint8Array(80);
    const others: unknown[] = [
      'text',
      null,
      {},
      notary.sign('message', 'hello'),
      notary.sign('request', 'hello', alice.id),
      notary.sign('letter', 'not encrypted', bob.id),
      notary.sign('letter', sealed),
      notary.sign('survey', 'not empty'),
      notary.sign('survey', null, alice.id),
      notary.sign('answer', { request: '0'.repeat(32), sealed }, alice.id),
    ];
    for (const data of others) assert.equal(await bring(mallory, alice, data), undefined);
    assert.deepEqual(
      alice.refused,
      others.map(() => 'ERR_ENVELOPE_INVALID'),
    );
    assert.deepEqual(alice.mail, []);
  });

  test('that brings a letter without time for it, or a padded one, or none that can be read, is refused', async () => {
    const { alice, mallory } = scene();
    const neighbour = alice.post.neighbours.get(mallory.id)!;
    const answers: unknown[] = [];
    neighbour.answerRelay = (...answer) => void answers.push(answer);
    const bringFrame = (frame: Uint8Array): Promise<void> =>
      alice.post.relay(relayRequestOf(readSecureFrame(frame), 1_000), neighbour);
    const survey = (): Data => mallory.notary.sign('survey', null) as unknown as Data;
    const hashes: unknown[] = [];
    for (const [padding, budgetMs] of [
      [0, 0],
      [1_000, 1_000],
    ] as const) {
      const letter = survey();
      hashes.push([(letter as { readonly hash: string }).hash, null]);
      const padded = Buffer.concat([frameOfLetter(letter), Buffer.alloc(padding, ' ')]);
      setBudget(padded, budgetMs);
      await bringFrame(padded);
    }
    assert.deepEqual(answers, hashes);
    await bringFrame(Uint8Array.of(1, 99, 0, 0, 9, 9));
    assert.deepEqual(alice.refused, ['ERR_ENVELOPE_INVALID', 'ERR_ENVELOPE_INVALID', 'ERR_MESSAGE_INVALID']);
    assert.equal(answers.length, 2, 'what cannot be read has no name');
    assert.deepEqual(mallory.requests, []);
  });

  test('gets no answer to a letter whose text is not mail', async () => {
    const { mallory, bob } = scene();
    const context = { info: 'peerloom-letter-1', associated: canonicalJson([mallory.id, bob.id]) };
    for (const data of ['text', { topic: 1, data: 1 }, { topic: 'test' }] as Data[]) {
      const sealed = await hpkeSeal(encryptionKeyOf(bob.id), dataToBytes(data), context);
      const letter = mallory.notary.sign('letter', sealed, bob.id);
      assert.equal(await bring(mallory, bob, letter), null);
    }
    assert.deepEqual(bob.mail, []);
    assert.deepEqual(bob.refused, ['ERR_ENVELOPE_INVALID', 'ERR_ENVELOPE_INVALID', 'ERR_ENVELOPE_INVALID']);
  });
});

suite('the time for an answer', () => {
  test('is shorter at each hop, and no longer than a minute, whatever the first one claims', async () => {
    const virtual = new VirtualRuntime();
    const [a, b, c, silent] = line(virtual, 4) as [TestPost, TestPost, TestPost, TestPost];
    silent.relay = () => new Promise(() => {});
    const failed = assert.rejects(a.post.ask(Identity.generate().id, mail(1), 1_000_000), noRoute);
    await until(() => silent.requests.length === 1, 'the letter is with the last one');
    const budgets = [b, c, silent].map(({ requests }) => requests[0]!.budgetMs);
    assert.deepEqual(budgets, [54_000, 48_600, 43_740]);
    await virtual.settle(failed);
    assert.ok(virtual.now() < 60_000, `the relays gave up after ${virtual.now()} ms`);
  });

  test('is 20 ms at least', async () => {
    const virtual = new VirtualRuntime();
    const [a, b] = line(virtual, 2) as [TestPost, TestPost];
    b.relay = () => new Promise(() => {});
    const failed = assert.rejects(a.post.ask(Identity.generate().id, mail(1), 1), noRoute);
    await until(() => b.requests.length === 1, 'the letter is with the neighbour');
    assert.deepEqual(b.requests[0]!.budgetMs, 18);
    await virtual.settle(failed);
    assert.equal(virtual.now(), 20);
  });
});

suite('large letters', () => {
  const large = new Uint8Array(100_000);

  /** A letter to nobody, which goes to a neighbour with room and to one without. */
  function scene() {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const slow = new TestPost(runtime);
    const [toSlow] = link(a, slow);
    const room = Promise.withResolvers<void>();
    toSlow.room = () => room.promise;
    return { a, b, slow, toSlow, room };
  }

  test('wait until a neighbour has room for them; small ones, and other neighbours, do not', async () => {
    const { a, b, slow, room } = scene();
    const asked = a.post.askEncrypted(slow.id, mail(large), 60_000);
    const toNobody = a.post.ask(Identity.generate().id, mail(large), 60_000).catch((error) => error);
    await until(() => b.requests.length === 1, 'the other neighbour has it');
    assert.deepEqual(await a.post.askEncrypted(slow.id, mail(1), 5_000), { echo: 1 });
    assert.equal(slow.requests.length, 1, 'the small one alone');
    room.resolve();
    assert.deepEqual(await asked, { echo: large });
    assert.ok(noRoute(await toNobody));
    assert.equal(slow.requests.length, 3);
  });

  test('are not given to a neighbour any more when there is an answer, or no time left', async () => {
    const { a, b, slow, room } = scene();
    const c = new TestPost(runtime);
    link(b, c);
    assert.deepEqual(await a.post.ask(c.id, mail(large), 60_000), { echo: large });
    await assert.rejects(a.post.ask(Identity.generate().id, mail(large), 30), noRoute);
    room.resolve();
    await turns();
    assert.deepEqual(slow.requests, []);
  });

  test('are written once, however many neighbours they are given to', async () => {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const given = new Set<unknown>();
    for (let count = 0; count < 5; count++) {
      const neighbour = new TestPost(runtime);
      const [there] = link(b, neighbour);
      const relay = there.neighbour.relay.bind(there.neighbour);
      there.neighbour.relay = (letter, timeoutMs) => {
        given.add(letter.frame);
        return relay(letter, timeoutMs);
      };
    }
    await assert.rejects(a.post.ask(Identity.generate().id, mail(large), 5_000), noRoute);
    assert.equal(given.size, 1);
  });

  test('are read and proven one at a time', async () => {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const c = new TestPost(runtime);
    link(b, c);
    let isRead = 0;
    let most = 0;
    const letters = [a, c, a, c].map(({ id, notary }) => {
      const letter = notary.sign('letter', new Uint8Array(2 ** 20), Identity.generate().id);
      const frame = frameOfLetter(letter as unknown as Data);
      setBudget(frame, 5_000);
      const request = relayRequestOf(readSecureFrame(frame), 1_000);
      const read = (): Steps<Data> => {
        isRead += 1;
        most = Math.max(most, isRead);
        return request.read();
      };
      const relayed = b.post.relay({ ...request, read }, b.post.neighbours.get(id)!);
      return relayed.then(() => void isRead--);
    });
    await Promise.all(letters);
    assert.equal(most, 1);
  });

  test('of many lists are decoded in many turns of the event loop, and refused', async () => {
    let nowMs = 0;
    const [a, b] = line({ ...runtime, now: () => ++nowMs }, 2) as [TestPost, TestPost];
    const frame = frameOfLetter(Array.from({ length: 99_000 }, () => []));
    setBudget(frame, 5_000);
    let isOver = false;
    const relayed = b.post.relay(
      relayRequestOf(readSecureFrame(frame), 1_000_000),
      b.post.neighbours.get(a.id)!,
    );
    void relayed.then(() => (isOver = true));
    let passed = 0;
    for (; !isOver; passed++) await turns(1);
    assert.ok(passed > 3, `${passed} turns`);
    assert.deepEqual(b.refused, ['ERR_ENVELOPE_INVALID']);
  });

  test('that hold more than 100,000 lists, encrypted, are not sent, nor read', async () => {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const lists: Data = Array.from({ length: 100_000 }, () => []);
    await assert.rejects(a.post.askEncrypted(b.id, mail(lists), 5_000), withCode('ERR_MESSAGE_TOO_LARGE'));
    assert.deepEqual(b.requests, []);
    const context = { info: 'peerloom-letter-1', associated: canonicalJson([a.id, b.id]) };
    const sealed = await hpkeSeal(encryptionKeyOf(b.id), dataToBytes(mail(lists)), context);
    assert.equal(await bring(a, b, a.notary.sign('letter', sealed, b.id)), null);
    assert.deepEqual([b.refused, b.mail], [['ERR_MESSAGE_INVALID'], []]);
  });

  test('are not kept for those who take them and never say what became of them', async () => {
    const [a, b, silent] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    const [fromA, toSilent] = [a, silent].map(({ id }) => b.post.neighbours.get(id)!);
    let taken = 0;
    toSilent!.relay = async () => {
      taken += 1;
      return true;
    };
    const mebibyte = 2 ** 20;
    const before = heldBytes();
    for (let count = 1; count <= 16; count++) {
      const nobody = Identity.generate().id;
      const letter = a.notary.sign('letter', new Uint8Array(mebibyte), nobody) as unknown as Data;
      const frame = frameOfLetter(letter);
      setBudget(frame, 50_000);
      await b.post.relay(relayRequestOf(readSecureFrame(frame), 1_000), fromA!);
      await until(() => taken === count, 'the letter is taken');
    }
    // What waits for a turn to go is collected a moment later.
    await until(() => heldBytes() - before < 4 * mebibyte, 'most of the letters are let go of');
    b.post.closed(toSilent!);
  });

  test('of more than 4 MiB are not sent, nor passed on; nor are such answers', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    const tooLarge = withCode('ERR_MESSAGE_TOO_LARGE');
    const most = new Uint8Array(4 * 1024 * 1024 - 64);
    await assert.rejects(a.post.ask(c.id, mail(new Uint8Array(4 * 1024 * 1024)), 5_000), tooLarge);
    assert.deepEqual(b.requests, []);
    c.respond = async ({ data }) => (data as Uint8Array).length;
    assert.equal(await a.post.ask(c.id, mail(most), 30_000), most.length);
    const letter = a.notary.sign('letter', new Uint8Array(4 * 1024 * 1024 + 49), c.id);
    assert.equal(await bring(a, b, letter), undefined);
    assert.deepEqual(b.refused, ['ERR_MESSAGE_TOO_LARGE']);
    assert.equal(c.requests.length, 1);
    c.respond = async () => new Uint8Array(4 * 1024 * 1024);
    await assert.rejects(a.post.ask(c.id, mail(1), 30_000), noRoute);
    c.relay = async ({ letter: asked }) => {
      const answer = { request: letterIn(asked).id, sealed: new Uint8Array(4 * 1024 * 1024 + 49) };
      return c.notary.sign('answer', answer, a.id) as unknown as Data;
    };
    await assert.rejects(a.post.ask(c.id, mail(1), 30_000), noRoute);
  });
});

suite('a link that is lost for a while', () => {
  test('does not get letters before it is back, and gets none that nobody waits for any more', async () => {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const away = new TestPost(runtime);
    const [toAway] = link(a, away);
    const back = Promise.withResolvers<void>();
    toAway.isSuspended = true;
    toAway.back = back.promise;
    const asked = a.post.askEncrypted(away.id, mail('it waits'), 60_000);
    await assert.rejects(a.post.askEncrypted(away.id, mail('too late'), 30), noRoute);
    assert.deepEqual(await a.post.askEncrypted(b.id, mail(1), 5_000), { echo: 1 });
    assert.deepEqual(away.requests, []);
    toAway.isSuspended = false;
    back.resolve();
    assert.deepEqual(await asked, { echo: 'it waits' });
    assert.deepEqual(away.mail, [mail('it waits')]);
  });
});

suite('neighbours', () => {
  test('a neighbour that leaves does not take away the one that took its place', async () => {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const older = a.post.neighbours.get(b.id)!;
    const [newer] = link(a, b);
    a.post.closed(older);
    assert.equal(a.post.neighbours.get(b.id), newer.neighbour);
    assert.deepEqual(await a.post.askEncrypted(b.id, mail(1), 5_000), { echo: 1 });
    a.post.closed(newer.neighbour);
    assert.equal(a.post.neighbours.size, 0);
    await assert.rejects(a.post.askEncrypted(b.id, mail(1), 5_000), withCode('ERR_NOT_CONNECTED'));
  });

  test('a stream is opened to the first that has an encrypted link', async () => {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const opened: unknown[] = [];
    const neighbour = a.post.neighbours.get(b.id)! as unknown as { fetchStream: unknown };
    neighbour.fetchStream = async (data: Data, { timeoutMs }: { timeoutMs: number }) =>
      void opened.push([data, timeoutMs]);
    const stranger = Identity.generate().id;
    await a.post.openStream([stranger, b.id], 'a chunk', 7_000);
    assert.deepEqual(opened, [['a chunk', 7_000]]);
    assert.equal(await a.post.openStream([stranger], 'a chunk', 7_000), undefined);
    const plain = new TestPost(runtime);
    const [toPlain] = link(a, plain);
    toPlain.isEncrypted = false;
    Object.assign(toPlain.neighbour, { fetchStream: assert.fail });
    assert.equal(await a.post.openStream([plain.id], 'a chunk', 7_000), undefined);
    await a.post.openStream([plain.id, b.id], 'another one', 7_000);
    assert.equal(opened.length, 2);
  });
});
