import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Steps } from '../../../src/base/steps.ts';
import { type Data, Identity, systemRuntime } from '../../../src/index.ts';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { sign } from '../../../src/secure/envelope.ts';
import type { Errand, ErrandOptions } from '../../../src/secure/errand.ts';
import type { Errands } from '../../../src/secure/errands.ts';
import { readSecureFrame } from '../../../src/secure/secure-frames.ts';
import { Surveys } from '../../../src/secure/surveys.ts';
import { dataOf } from '../../support/secure-frames.ts';
import { until } from '../../support/turns.ts';
import { type BroughtLetter, bring, line, link, TestPost, wallNow } from './post-network.ts';

const runtime = systemRuntime;

/** What each node says of its neighbours, by its id. */
async function survey(post: TestPost, timeoutMs = 5_000): Promise<Record<string, string[]>> {
  const statements = await post.post.survey(timeoutMs);
  const said = statements.map(({ author, data }) => {
    const { neighbours } = data as { readonly neighbours: string[] };
    return [author, neighbours.sort()] as const;
  });
  assert.equal(new Set(said.map(([author]) => author)).size, said.length);
  return Object.fromEntries(said);
}

const ids = (...posts: TestPost[]): string[] => posts.map(({ id }) => id).sort();

/** A statement that is signed, by somebody of whom there is nothing else. */
function statementOf(author: Identity, survey: Data, changes: object = {}): Envelope {
  const { id: question, author: to } = survey as unknown as Envelope;
  const data = { request: question, neighbours: [Identity.generate().id], ...changes } as Data;
  return sign(author, {
    author: author.id,
    time: wallNow(),
    id: '0'.repeat(32),
    kind: 'neighbours',
    to,
    data,
  });
}

/** Asker and relay, behind which there are two honest nodes and a hostile one. */
function scene() {
  const [asker, relay, far, farther] = line(runtime, 4) as [TestPost, TestPost, TestPost, TestPost];
  const mallory = new TestPost(runtime);
  link(relay, mallory);
  const expected = { [far.id]: ids(relay, farther), [farther.id]: ids(far) };
  const honest = async (): Promise<void> => {
    const { [relay.id]: ofRelay, ...others } = await survey(asker);
    assert.deepEqual(ofRelay, ids(asker, far, mallory));
    assert.deepEqual(others, expected);
  };
  /** Mallory answers with something, and with what honest nodes would answer behind it. */
  const answerWith = (answer: (request: BroughtLetter) => Data): void => {
    mallory.relay = answer;
  };
  return { asker, relay, far, farther, mallory, honest, answerWith };
}

suite('a survey', () => {
  test('brings one statement of each node that is reached, however many ways lead there', async () => {
    const [a, b, c, d] = line(runtime, 4) as [TestPost, TestPost, TestPost, TestPost];
    link(d, a);
    link(b, d);
    assert.deepEqual(await survey(a), { [b.id]: ids(a, c, d), [c.id]: ids(b, d), [d.id]: ids(a, b, c) });
    assert.deepEqual(
      [a, b, c, d].flatMap(({ refused }) => refused),
      [],
    );
    assert.deepEqual(await survey(new TestPost(runtime)), {});
  });

  test('comes back without a node that does not answer in time', async () => {
    const { asker, relay, mallory, honest } = scene();
    mallory.relay = () => new Promise(() => {});
    const began = performance.now();
    const said = await survey(asker, 400);
    assert.ok(performance.now() - began < 60_000);
    assert.ok(!(mallory.id in said));
    const toMallory = relay.post.neighbours.get(mallory.id)!;
    toMallory.relay = () => Promise.reject(new Error('it has closed'));
    await honest();
    assert.deepEqual([asker.refused, relay.refused], [[], []]);
  });

  test('is answered for the node itself when it comes a second time, and no more than that', async () => {
    const { asker, relay, far, farther, mallory } = scene();
    link(mallory, far);
    // Mallory is the first to bring it to the far node, and keeps the answer to itself.
    const withheld = Promise.withResolvers<Data>();
    mallory.relay = async ({ letter }) => {
      withheld.resolve((await bring(mallory, far, letter))!);
      return null;
    };
    const toFar = relay.post.neighbours.get(far.id)!;
    const relayToFar = toFar.relay.bind(toFar);
    toFar.relay = async (shared, timeoutMs) => {
      await withheld.promise;
      return relayToFar(shared, timeoutMs);
    };
    const said = await survey(asker);
    const authors = ((await withheld.promise) as unknown as Envelope[]).map(({ author }) => author);
    assert.ok(authors.includes(far.id) && authors.includes(farther.id));
    assert.deepEqual(said[far.id], ids(relay, farther, mallory), 'the asker hears of it all the same');
    assert.equal(said[farther.id], undefined);
    assert.deepEqual(far.refused, []);
    toFar.relay = relayToFar;
    const { letter } = far.requests[0]!;
    const again = (await bring(relay, far, letter)) as unknown as Envelope[];
    assert.deepEqual(
      again.map(({ author }) => author),
      [far.id],
    );
    const altered = { ...(letter as object), hash: (asker.notary.sign('survey', null) as Envelope).hash };
    assert.equal(await bring(relay, far, altered), undefined);
    assert.deepEqual(far.refused, ['ERR_HASH_MISMATCH']);
  });

  test('remembers its own answer to the last 256, not to all', async () => {
    const [asker, other] = line(runtime, 2) as [TestPost, TestPost];
    for (let count = 0; count < 258; count++) await survey(asker);
    const again = (index: number) => bring(asker, other, other.requests[index]!.letter);
    assert.equal(await again(0), undefined);
    assert.equal(await again(1), undefined);
    assert.equal(((await again(2)) as Data[]).length, 1);
  });
});

suite('a neighbour that answers a survey', () => {
  test('with something that is not a list is passed over', async () => {
    const { honest, answerWith, relay } = scene();
    for (const answer of [null, 'text', 1, {}, Uint8Array.of(1)] as Data[]) {
      answerWith(() => answer);
      await honest();
    }
    assert.deepEqual(relay.refused, []);
  });

  test('in the name of others takes nobody off the map', async () => {
    const { asker, relay, far, farther, honest, answerWith } = scene();
    const stranger = Identity.generate();
    const lies: ((survey: Data) => unknown)[] = [
      () => ({ author: { toString: 1 } }),
      () => ({ author: far.id }),
      (survey) => ({ ...statementOf(stranger, survey), author: far.id }),
      (survey) => ({ ...statementOf(stranger, survey), author: farther.id, hash: '0'.repeat(64) }),
      (survey) => ({ ...statementOf(stranger, survey), signature: 'A'.repeat(86) }),
    ];
    for (const lie of lies) {
      answerWith(({ letter }) => [lie(letter), statementOf(stranger, letter)] as Data);
      await honest();
    }
    assert.equal(relay.refused.length, lies.length, 'the one who asked it counts what is false');
    assert.deepEqual(asker.refused, [], 'and passes none of it on');
  });

  test('with statements to another survey, to another asker, or of another form is not believed', async () => {
    const { relay, honest, answerWith } = scene();
    const author = Identity.generate();
    const other = { id: 'f'.repeat(32), author: author.id } as Data;
    const id = author.id;
    const lies: ((survey: Data) => unknown)[] = [
      () => statementOf(author, other),
      (survey) => statementOf(author, { ...(survey as object), author: id } as Data),
      (survey) => statementOf(author, survey, { neighbours: 'all' }),
      (survey) => statementOf(author, survey, { neighbours: ['nobody'] }),
      (survey) => statementOf(author, survey, { neighbours: [1] }),
      (survey) => statementOf(author, survey, { neighbours: Array(1_025).fill(id) }),
      (survey) => statementOf(author, survey, { more: 'of it' }),
      (survey) => sign(author, { ...letterOf(statementOf(author, survey)), kind: 'answer' }),
      (survey) => sign(author, { ...letterOf(statementOf(author, survey)), to: id }),
    ];
    for (const lie of lies) {
      answerWith(({ letter }) => [lie(letter)] as Data);
      await honest();
    }
    assert.equal(relay.refused.length, lies.length);
  });

  test('is heard until the first thing that is false', async () => {
    const { asker, relay, answerWith } = scene();
    const [one, two] = [Identity.generate(), Identity.generate()];
    answerWith(
      ({ letter }) => [statementOf(one, letter), 'junk', statementOf(two, letter)] as unknown as Data,
    );
    const said = await survey(asker);
    assert.ok(one.id in said);
    assert.ok(!(two.id in said));
    assert.deepEqual(relay.refused, ['ERR_ENVELOPE_INVALID']);
  });

  test('may name 1,024 neighbours, and says so itself when it has more', async () => {
    const { asker, mallory, answerWith } = scene();
    const author = Identity.generate();
    answerWith(
      ({ letter }) => [statementOf(author, letter, { neighbours: Array(1_024).fill(author.id) })] as never,
    );
    assert.equal((await survey(asker))[author.id]?.length, 1_024);
    const many = new TestPost(runtime);
    for (let count = 0; count < 1_030; count++) {
      const id = `neighbour ${count}`;
      many.post.opened({ remote: { id }, hasLink: true, relay: async () => false } as never);
    }
    const [toMany] = link(asker, many);
    assert.equal((await survey(asker))[many.id]?.length, undefined, 'made up names are refused');
    assert.ok(toMany.timeouts.length > 0);
    assert.ok(mallory.requests.length > 0);
  });

  test('with statements of this node, or the same ones again and again, adds nothing', async () => {
    const { asker, relay, answerWith } = scene();
    const author = Identity.generate();
    answerWith(({ letter }) => {
      const one = statementOf(author, letter);
      return [one, one, { ...one, signature: 'A'.repeat(86) }, { author: relay.id }] as unknown as Data;
    });
    const said = await survey(asker);
    assert.equal(Object.keys(said).length, 4, 'relay, two honest ones, the author');
  });

  test('with 10,000 statements is heard to the end, and with more no further', async () => {
    const { asker, answerWith } = scene();
    const [one, last] = [Identity.generate(), Identity.generate()];
    for (const [count, isHeard] of [
      [9_999, true],
      [10_000, false],
    ] as const) {
      answerWith(({ letter }) => {
        const again = Array(count).fill(statementOf(one, letter));
        return [...again, statementOf(last, letter)] as unknown as Data;
      });
      const said = await survey(asker, 60_000);
      assert.deepEqual([one.id in said, last.id in said], [true, isHeard]);
    }
  });

  test('with ever new ids leaves room for what others say', async () => {
    const small = 64 * 1024;
    const [asker, far] = [new TestPost(runtime, small), new TestPost(runtime)];
    const mallory = new TestPost(runtime);
    link(asker, mallory);
    link(asker, far);
    const sybils = Array.from({ length: 120 }, () => Identity.generate());
    const honest = Array.from({ length: 30 }, () => Identity.generate());
    mallory.relay = ({ letter }) => sybils.map((sybil) => statementOf(sybil, letter)) as unknown as Data;
    far.relay = async ({ letter }) => {
      await until(() => mallory.requests.length > 0, 'mallory answers first');
      return honest.map((one) => statementOf(one, letter)) as unknown as Data;
    };
    const said = await survey(asker, 20_000);
    assert.deepEqual(
      honest.filter(({ id }) => !(id in said)),
      [],
    );
    const bytes = Object.keys(said).length * 456;
    assert.ok(bytes <= small / 2 && bytes > small / 2 - 1_000, `${bytes} bytes`);
  });

  test('for too long is not listened to any longer than this node has time', async () => {
    const [asker, mallory] = line(runtime, 2) as [TestPost, TestPost];
    const sybils = Array.from({ length: 2_000 }, () => Identity.generate());
    mallory.relay = ({ letter }) => sybils.map((sybil) => statementOf(sybil, letter)) as unknown as Data;
    const said = await survey(asker, 20);
    assert.ok(Object.keys(said).length < sybils.length);
  });

  test('is read to the end of the time and no further, a statement at a time', async () => {
    const { notary } = new TestPost(runtime);
    let left = 50;
    const errand = {
      get isOver() {
        return left-- === 0;
      },
    };
    let steps = 0;
    const begin = (work: Steps<void>): void => {
      while (!work.next().done) steps += 1;
    };
    const neighbour = { remote: { id: 'mallory' }, hearing: { begin } };
    const surveys = new Surveys({
      ...{ notary, runtime, maxBytes: 1_000_000 },
      ...{ neighbours: () => [], carriers: () => [] },
      errands: {
        run: ({ frame, onAnswer }: ErrandOptions) => {
          const letter = dataOf(readSecureFrame(frame));
          const sybils = Array.from({ length: 60 }, () => Identity.generate());
          const answer = sybils.map((sybil) => statementOf(sybil, letter));
          return onAnswer(answer as unknown as Data, neighbour as never, errand as Errand);
        },
      } as unknown as Errands,
    });
    const said = await surveys.ask(1_000);
    assert.equal(said.length, 50);
    assert.ok(steps >= 50, `${steps} steps`);
  });
});

function letterOf({ hash: _, signature: __, ...letter }: Envelope) {
  return letter;
}
