import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Identity, systemRuntime } from '../../../src/index.ts';
import { Departures } from '../../../src/secure/departures.ts';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { type Carriers, Errand, type ErrandOptions } from '../../../src/secure/errand.ts';
import { ErrandPlaces } from '../../../src/secure/errand-places.ts';
import { Errands } from '../../../src/secure/errands.ts';
import type { Neighbour } from '../../../src/secure/neighbour.ts';
import { frameOfLetter } from '../../../src/secure/secure-frames.ts';
import { heldBytes } from '../../support/memory.ts';
import { turns, until } from '../../support/turns.ts';
import { bring, line, link, TestPost } from './post-network.ts';

const runtime = systemRuntime;
const MiB = 1024 * 1024;

const onlyTo = (...first: Neighbour[]): Carriers => ({ first, others: [] });

suite('room for letters under way', () => {
  test('is for 1,024 letters of a neighbour, and comes back when they leave', () => {
    const places = new ErrandPlaces(64 * MiB);
    const taken = Array.from({ length: 1_024 }, () => places.reserve('mallory', 0)!);
    assert.ok(taken.every((place) => place !== undefined));
    assert.equal(places.reserve('mallory', 0), undefined);
    assert.ok(places.reserve('other', 0));
    taken[0]!.given();
    assert.equal(places.reserve('mallory', 0), undefined, 'it is still under way');
    taken[0]!.release();
    assert.ok(places.reserve('mallory', 0));
    assert.equal(places.reserve('mallory', 0), undefined);
    for (const place of taken.slice(1)) place.release();
    assert.equal(Array.from({ length: 1_024 }, () => places.reserve('mallory', 0)).indexOf(undefined), 1_023);
  });

  test('is for 9 MiB of a neighbour, its frame counting twice, until all have them', () => {
    const places = new ErrandPlaces(64 * MiB);
    const most = (9 * MiB - 512) / 2;
    assert.equal(places.reserve('mallory', most + 1), undefined);
    const place = places.reserve('mallory', most)!;
    assert.equal(places.reserve('mallory', 0), undefined);
    assert.ok(places.reserve('other', most));
    place.given();
    const next = places.reserve('mallory', most)!;
    assert.ok(next);
    place.release();
    assert.equal(places.reserve('mallory', 0), undefined, 'nothing comes back twice');
    next.release();
    assert.ok(places.reserve('mallory', most));
  });

  test('is for 8,192 letters, and for what it is given, of all neighbours together', () => {
    const many = new ErrandPlaces(64 * MiB);
    for (let count = 0; count < 8_192; count++) assert.ok(many.reserve(`neighbour ${count % 10}`, 0));
    assert.equal(many.reserve('one more', 0), undefined);
    const large = new ErrandPlaces(36 * MiB);
    const most = (9 * MiB - 512) / 2;
    const places = Array.from({ length: 4 }, (_, index) => large.reserve(`neighbour ${index}`, most));
    assert.ok(places.every((place) => place !== undefined));
    assert.equal(large.reserve('one more', 0), undefined);
    places[0]!.given();
    assert.ok(large.reserve('one more', most));
    assert.equal(large.reserve('another', 0), undefined);
  });
});

suite('a letter that is passed on', () => {
  /** A, and two neighbours that take what they are given and answer when a test says so. */
  function scene({ oneLeadsOn = false, budgetMs = 4_000 } = {}) {
    const [a, b] = line(runtime, 2) as [TestPost, TestPost];
    const [one, other] = [new TestPost(runtime), new TestPost(runtime)];
    const { id } = Identity.generate();
    if (oneLeadsOn) b.vias.set(id, one.id);
    link(b, one);
    link(b, other);
    const brought = bring(a, b, a.notary.sign('letter', new Uint8Array(80), id), budgetMs);
    const state = { answer: 'none yet' as Data | undefined };
    void brought.then((answer) => {
      state.answer = answer;
    });
    for (const neighbour of [one, other]) neighbour.relay = () => undefined;
    const areAsked = (): boolean => one.requests.length === 1 && other.requests.length === 1;
    const say = (from: TestPost, answer: Data, hash = hashOf(one)): void =>
      from.post.neighbours.get(b.id)!.answerRelay(hash, answer);
    return { a, b, one, other, state, brought, areAsked, say };
  }

  const hashOf = ({ requests }: TestPost): string => (requests[0]!.letter as { readonly hash: string }).hash;

  test('is waited for until every neighbour has answered', async () => {
    const { one, other, state, areAsked, say } = scene();
    await until(areAsked, 'both have it');
    say(one, null);
    await turns();
    assert.equal(state.answer, 'none yet');
    say(other, null);
    await turns();
    assert.equal(state.answer, null);
  });

  test('goes along the path first, and elsewhere when that leads nowhere', async () => {
    const { one, other, state, say } = scene({ oneLeadsOn: true });
    await until(() => one.requests.length === 1, 'the neighbour on the path has it');
    await turns();
    assert.equal(other.requests.length, 0);
    say(one, null);
    await until(() => other.requests.length === 1, 'the other one has it');
    assert.ok(other.requests[0]!.budgetMs <= one.requests[0]!.budgetMs);
    assert.equal(state.answer, 'none yet');
    say(other, null);
    await turns();
    assert.equal(state.answer, null);
  });

  test('goes elsewhere when the path is silent for a quarter of the time, and both may answer', async () => {
    const { one, other, state, say } = scene({ oneLeadsOn: true, budgetMs: 2_000 });
    await until(() => other.requests.length === 1, 'the other one has it');
    const [first, later] = [one.requests[0]!.budgetMs, other.requests[0]!.budgetMs];
    assert.ok(later < first * 0.8, `${later} of ${first} ms are left`);
    say(other, null);
    await turns();
    assert.equal(state.answer, 'none yet');
    say(one, null);
    await turns();
    assert.equal(state.answer, null);
  });

  test('goes elsewhere at once when the neighbour on the path does not take it, or leaves', async () => {
    const { b, one, other } = scene({ oneLeadsOn: true });
    b.post.neighbours.get(one.id)!.relay = () => {
      throw new Error('its queue is full');
    };
    await until(() => other.requests.length === 1, 'the other one has it');
    const second = scene({ oneLeadsOn: true });
    await until(() => second.one.requests.length === 1, 'the neighbour on the path has it');
    second.b.post.closed(second.b.post.neighbours.get(second.one.id)!);
    await until(() => second.other.requests.length === 1, 'the other one has it');
    second.say(second.other, null);
    assert.equal(await second.brought, null);
  });

  test('goes nowhere else once its answer is there', async () => {
    const [a, b, c, d] = line(runtime, 4) as [TestPost, TestPost, TestPost, TestPost];
    const other = new TestPost(runtime);
    link(b, other);
    b.vias.set(d.id, c.id);
    assert.deepEqual(await a.post.ask(d.id, { topic: 'test', data: 1 }, 30_000), { echo: 1 });
    await turns();
    assert.equal(other.requests.length, 0);
  });

  test('does not go back along the path that it came', async () => {
    const { a, b, one, other, areAsked } = scene({ budgetMs: 1_000 });
    await until(areAsked, 'both have it');
    const { id } = Identity.generate();
    b.vias.set(id, a.id);
    void bring(a, b, a.notary.sign('letter', new Uint8Array(80), id), 1_000);
    await until(() => one.requests.length === 2 && other.requests.length === 2, 'both have the next one');
    assert.equal(a.requests.length, 0);
  });

  test('is answered once by each neighbour, and by nobody who was not given it', async () => {
    const { a, b, one, other, state, areAsked, say } = scene();
    await until(areAsked, 'both have it');
    const stranger = new TestPost(runtime);
    link(b, stranger);
    say(one, null);
    say(one, null);
    say(stranger, null, hashOf(one));
    say(a, null, hashOf(one));
    say(other, null, 'another hash');
    await turns();
    assert.equal(state.answer, 'none yet');
    say(other, null);
    await turns();
    assert.equal(state.answer, null);
  });

  test('is not waited for any more where a neighbour has left, or does not take it', async () => {
    const { b, one, other, state, areAsked } = scene();
    await until(areAsked, 'both have it');
    b.post.closed(b.post.neighbours.get(one.id)!);
    await turns();
    assert.equal(state.answer, 'none yet');
    b.post.closed(b.post.neighbours.get(other.id)!);
    await turns();
    assert.equal(state.answer, null);
  });

  test('does not come back to this node when it fails to be taken', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    const toC = b.post.neighbours.get(c.id)!;
    toC.relay = () => {
      throw new Error('it is closed');
    };
    const to = Identity.generate().id;
    assert.equal(await bring(a, b, a.notary.sign('letter', new Uint8Array(80), to)), null);
    toC.relay = () => Promise.reject(new Error('it closed'));
    assert.equal(await bring(a, b, a.notary.sign('letter', new Uint8Array(80), to)), null);
    toC.relay = async () => false;
    assert.equal(await bring(a, b, a.notary.sign('letter', new Uint8Array(80), to)), null);
    assert.deepEqual(b.refused, []);
  });

  test('and its answer arrives also when the neighbour answers before it says that it takes it', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    const toC = b.post.neighbours.get(c.id)!;
    const relay = toC.relay.bind(toC);
    toC.relay = async (letter, timeoutMs) => {
      const isTaken = await relay(letter, timeoutMs);
      await until(() => c.mail.length === 1, 'it has arrived');
      await turns();
      return isTaken;
    };
    assert.deepEqual(await a.post.ask(c.id, { topic: 'test', data: 1 }, 30_000), { echo: 1 });
  });

  test('frees its place when it is over, so that a neighbour may bring ever more, one after another', async () => {
    const [a, b, c] = line(runtime, 3) as [TestPost, TestPost, TestPost];
    for (let count = 0; count < 1_100; count++) {
      const to = count % 2 === 0 ? Identity.generate().id : c.id;
      assert.equal(await bring(a, b, a.notary.sign('letter', new Uint8Array(80), to)), null);
    }
    assert.equal(await bring(a, b, 'no letter'), undefined);
    for (let count = 0; count < 1_100; count++) await bring(a, b, 'no letter');
    assert.deepEqual(await a.post.ask(c.id, { topic: 'test', data: 1 }, 30_000), { echo: 1 });
  });
});

suite('a letter that is over', () => {
  const neighbour = { hasLink: true, relay: async () => true } as unknown as Neighbour;
  const { notary } = new TestPost(runtime);
  const letterOf = (bytes: number) =>
    notary.sign('letter', new Uint8Array(bytes), Identity.generate().id) as Envelope;
  const small = letterOf(80);
  const optionsOf = (onAnswer: ErrandOptions['onAnswer'] = () => {}, letter = small): ErrandOptions => ({
    ...{ hash: letter.hash, frame: frameOfLetter(letter as unknown as Data) },
    ...{ budgetMs: 60_000, runtime, departures: new Departures(runtime), onAnswer },
  });

  test('is forgotten', async (t) => {
    const left = t.mock.method(Errand.prototype, 'left');
    const errands = new Errands(runtime);
    const running = errands.run(optionsOf(), onlyTo(neighbour));
    errands.left(neighbour);
    assert.equal(left.mock.callCount(), 1, 'it is still there');
    await running;
    errands.left(neighbour);
    assert.equal(left.mock.callCount(), 1);
  });

  test('or that all neighbours have, takes no memory for what it says', async () => {
    const give = async (): Promise<Errand> => {
      const errand = new Errand(optionsOf(undefined, letterOf(8 * MiB)));
      await errand.giveTo(onlyTo({ ...neighbour, roomForLarge: async () => {} } as unknown as Neighbour));
      return errand;
    };
    const before = heldBytes();
    const errand = await give();
    const bytes = heldBytes() - before;
    assert.equal(errand.isOver, false, 'an answer may come');
    assert.ok(bytes < MiB, `${bytes} bytes`);
    errand.end();
  });

  test('takes no more answers', async () => {
    let answers = 0;
    const errand = new Errand(optionsOf(() => void answers++));
    await errand.giveTo(onlyTo(neighbour));
    errand.end();
    await errand.answered('late', neighbour);
    assert.equal(answers, 0);
    const again = new Errand(optionsOf(() => void answers++));
    await again.giveTo(onlyTo(neighbour));
    await again.answered('in time', neighbour);
    assert.equal(answers, 1);
  });
});
