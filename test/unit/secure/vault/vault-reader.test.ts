import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, type ErrorCode, Identity } from '../../../../src/index.ts';
import type { FetchAnswer } from '../../../../src/secure/vault/vault-protocol.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../../support/errors.ts';
import { turns, within } from '../../../support/turns.ts';
import { type Member, Vaults } from './support/vaults.ts';

const name = (owner: Member) => ({ owner: owner.id, collection: 'c' });

/** Alice owns, Bob reads, and has read `one`; a replica has everything. */
async function setUp(runtime?: VirtualRuntime) {
  const vaults = new Vaults();
  const alice = vaults.start();
  const bob = vaults.start(runtime === undefined ? {} : { runtime });
  const replica = vaults.start();
  await alice.vault.put('c', 'one', 1);
  await alice.vault.put('c', 'two', 2);
  await alice.vault.grant('c', bob.id);
  await alice.vault.addReplica('c', replica.id);
  await alice.vault.sync();
  assert.equal(await bob.vault.get(alice.id, 'c', 'one'), 1);
  vaults.asked.length = 0;
  const get = (item: string, from: readonly string[] = []) => bob.vault.get(alice.id, 'c', item, { from });
  return { vaults, alice, bob, replica, get };
}

const never = () => new Promise<never>(() => {});
const refuses = (error: ErrorCode) => () => ({ error });

suite('reading an item', () => {
  test('ends with the owner’s refusal, also while a replica is silent', async () => {
    const { vaults, alice, bob, replica, get } = await setUp();
    vaults.answer(replica, never);
    await alice.vault.revoke('c', bob.id);
    await assert.rejects(within(get('one'), 'the refusal is enough'), withCode('ERR_NOT_PERMITTED'));
  });

  test('ends with the owner’s answer, also while a replica is silent', async () => {
    const { vaults, replica, get } = await setUp();
    vaults.answer(replica, never);
    assert.equal(await within(get('two'), 'the answer is enough'), 2);
  });

  test('takes what a replica has while the owner is away, or fails, or lies', async () => {
    const { vaults, alice, get } = await setUp();
    vaults.leave(alice);
    assert.equal(await get('two'), 2);
    vaults.comeBack(alice);
    for (const error of ['ERR_VAULT_FILE', 'ERR_HANDLER', 'ERR_VAULT_INVALID'] as const) {
      vaults.answer(alice, refuses(error));
      assert.equal(await get('two'), 2, error);
    }
  });

  test('waits for the owner while replicas refuse: they may not have heard of the grant', async () => {
    const { vaults, alice, replica, get } = await setUp();
    const gate = Promise.withResolvers<void>();
    vaults.answer(replica, refuses('ERR_NOT_PERMITTED'));
    vaults.answer(alice, async (_question, honest) => {
      await gate.promise;
      return honest();
    });
    const read = get('two');
    await turns();
    gate.resolve();
    assert.equal(await read, 2);
  });

  test('asks the owner and the replicas that are known, others only when they do not answer', async () => {
    const { vaults, alice, replica, get } = await setUp();
    const stranger = vaults.start();
    const asked = () => {
      const ids = new Set(vaults.asked.map(({ to }) => to));
      vaults.asked.length = 0;
      return [alice, replica, stranger].map(({ id }) => ids.has(id));
    };
    assert.equal(await get('two'), 2);
    assert.deepEqual(asked(), [true, true, false]);
    assert.equal(await get('two', [stranger.id]), 2);
    assert.deepEqual(asked(), [true, true, true]);
    vaults.leave(alice);
    vaults.leave(replica);
    assert.equal(await get('one'), 1, 'the copy of an earlier read');
    assert.deepEqual(asked(), [true, true, true]);
  });

  test('asks nobody else once the owner has said that there is no such item', async () => {
    const { vaults, get } = await setUp();
    const stranger = vaults.start();
    await assert.rejects(get('none'), withCode('ERR_NOT_FOUND'));
    assert.deepEqual(vaults.askedOf(stranger), []);
  });

  test('asks nobody else either when a replica failed before the owner said so', async () => {
    const { vaults, alice, replica, get } = await setUp();
    const stranger = vaults.start();
    vaults.answer(replica, refuses('ERR_HANDLER'));
    vaults.answer(alice, async (_question, honest) => {
      await turns();
      return honest();
    });
    await assert.rejects(get('none'), withCode('ERR_NOT_FOUND'));
    assert.deepEqual(vaults.askedOf(stranger), []);
  });

  test('never asks itself over the network, though it is a replica or is named', async () => {
    const { vaults, alice, bob, get } = await setUp();
    await alice.vault.addReplica('c', bob.id);
    await alice.vault.sync();
    vaults.asked.length = 0;
    assert.equal(await get('two', [bob.id]), 2);
    assert.deepEqual(vaults.askedOf(bob), []);
    const own = vaults.start();
    await own.vault.put('c', 'mine', 1);
    assert.equal(await own.vault.get(own.id, 'c', 'mine'), 1);
    assert.deepEqual(
      vaults.asked.filter(({ from }) => from === own.id),
      [],
    );
  });

  test('believes in what was deleted', async () => {
    const { alice, get } = await setUp();
    await alice.vault.delete('c', 'one');
    await assert.rejects(get('one'), withCode('ERR_NOT_FOUND', /was deleted/));
  });

  /** What comes of answers that are all wrong in some way. */
  const failures: readonly (readonly [
    string,
    { owner?: ErrorCode; replica?: ErrorCode },
    unread: ErrorCode,
    read?: ErrorCode,
  ])[] = [
    ['nobody is reached', {}, 'ERR_NO_ROUTE'],
    ['the owner has no such item', { owner: 'ERR_NOT_FOUND', replica: 'ERR_NOT_PERMITTED' }, 'ERR_NOT_FOUND'],
    ['a replica has no such item', { replica: 'ERR_NOT_FOUND' }, 'ERR_NOT_FOUND'],
    ['a replica refuses', { replica: 'ERR_NOT_PERMITTED' }, 'ERR_NOT_PERMITTED', 'ERR_NOT_PERMITTED'],
    ['the owner refuses', { owner: 'ERR_NOT_PERMITTED' }, 'ERR_NOT_PERMITTED', 'ERR_NOT_PERMITTED'],
    ['a replica offends', { replica: 'ERR_ROLLBACK' }, 'ERR_ROLLBACK', 'ERR_ROLLBACK'],
    ['the owner offends', { owner: 'ERR_FORK', replica: 'ERR_NOT_FOUND' }, 'ERR_FORK', 'ERR_FORK'],
    [
      'the owner refuses, a replica offends',
      { owner: 'ERR_NOT_PERMITTED', replica: 'ERR_FORK' },
      'ERR_NOT_PERMITTED',
      'ERR_NOT_PERMITTED',
    ],
    ['all are only slow', { owner: 'ERR_TIMEOUT', replica: 'ERR_TIMEOUT' }, 'ERR_NO_ROUTE'],
  ];
  for (const [what, answers, unread, read] of failures) {
    test(`says why it failed, or gives the earlier copy, when ${what}`, async () => {
      const { vaults, alice, replica, get } = await setUp();
      for (const [node, error] of [
        [alice, answers.owner],
        [replica, answers.replica],
      ] as const) {
        if (error === undefined) vaults.leave(node);
        else vaults.answer(node, refuses(error));
      }
      await assert.rejects(get('two'), withCode(unread));
      if (read === undefined) assert.equal(await get('one'), 1);
      else await assert.rejects(get('one'), withCode(read));
    });
  }

  test('refuses answers that are not to what was asked', async () => {
    const { vaults, alice, bob, replica, get } = await setUp();
    vaults.leave(alice);
    const answer = async (request: object) =>
      (await replica.engine.respond(
        'vault-fetch',
        { ...name(alice), after: 0, ...request },
        bob.id,
      )) as unknown as FetchAnswer;
    const [one, two, both] = [
      await answer({ item: 'one' }),
      await answer({ item: 'two' }),
      await answer({ since: 0 }),
    ];
    const nothing = { ...two, items: [] };
    for (const wrong of [one, both, nothing, { ...two, items: [...two.items, ...two.items] }]) {
      vaults.answer(replica, () => wrong as unknown as Data);
      await assert.rejects(get('two'), withCode('ERR_VAULT_INVALID', /did not send two/));
    }
    vaults.answer(replica, () => two as unknown as Data);
    assert.equal(await get('two'), 2);
  });

  test('is not kept going for ever by a node that says there is more of the log', async () => {
    const { vaults, alice, bob, replica } = await setUp();
    for (let count = 0; count < 4; count++) await alice.vault.grant('c', Identity.generate().id);
    await alice.vault.sync();
    vaults.leave(alice);
    let calls = 0;
    vaults.answer(replica, async (_question, honest) => {
      calls += 1;
      const { log, ...answer } = (await honest()) as unknown as FetchAnswer;
      return { ...answer, log: log.slice(0, 1), state: null, items: [], more: true } as unknown as Data;
    });
    await within(
      assert.rejects(bob.vault.get(alice.id, 'c', 'two'), withCode('ERR_VAULT_INVALID')),
      'the read ends',
    );
    assert.ok(calls < 10, `${calls} questions`);
  });
});

suite('reading the changes of a collection', () => {
  const changes = ({ engine }: Member, owner: Member, since = 0) => engine.reader.changes(name(owner), since);

  test('never asks a replica for the same page again, though it says that there is more', async () => {
    const { vaults, alice, bob, replica } = await setUp();
    vaults.leave(alice);
    vaults.answer(replica, async (_question, honest) => {
      return { ...((await honest()) as object), items: [], upTo: Number.MAX_SAFE_INTEGER, more: true };
    });
    assert.deepEqual(
      await changes(bob, alice, 7).then((page) => [page!.upTo, page!.more]),
      [7, false],
      'a replica is not believed that there is nothing in between',
    );
  });

  test('goes on page by page where there are items', async () => {
    const { vaults, alice, bob, replica } = await setUp();
    vaults.leave(alice);
    vaults.answer(replica, async (_question, honest) => {
      const { items, ...answer } = (await honest()) as unknown as FetchAnswer;
      return { ...answer, items: items.slice(0, 1), more: true, upTo: 5 } as unknown as Data;
    });
    const first = (await changes(bob, alice))!;
    assert.deepEqual([first.items.length, first.upTo, first.more], [1, first.items[0]!.version, true]);
    const second = (await changes(bob, alice, first.upTo))!;
    assert.deepEqual([second.items[0]!.item, second.upTo], ['two', second.items[0]!.version]);
    const last = (await changes(bob, alice, second.upTo))!;
    assert.deepEqual([last.items.length, last.upTo, last.more], [0, second.upTo, false]);
  });

  test('believes the owner how far it goes, but not backwards', async () => {
    const { vaults, alice, bob } = await setUp();
    const answer = (upTo: number) => {
      vaults.answer(alice, async (_question, honest) => ({
        ...((await honest()) as object),
        items: [],
        upTo,
        more: true,
      }));
    };
    answer(1_000);
    const page = (await changes(bob, alice, 7))!;
    assert.deepEqual([page.upTo, page.more], [1_000, true]);
    answer(3);
    const back = (await changes(bob, alice, 7))!;
    assert.deepEqual([back.upTo, back.more], [7, false]);
  });

  test('asks the owner, then replicas, then others, until one of them answers', async () => {
    const { vaults, alice, bob, replica } = await setUp();
    const stranger = vaults.start();
    const order = async () => {
      vaults.asked.length = 0;
      const page = await changes(bob, alice);
      return [vaults.asked.map(({ to }) => to), page !== undefined];
    };
    assert.deepEqual(await order(), [[alice.id], true]);
    vaults.leave(alice);
    assert.deepEqual(await order(), [[alice.id, replica.id], true]);
    vaults.answer(replica, refuses('ERR_NOT_FOUND'));
    assert.deepEqual(await order(), [[alice.id, replica.id, stranger.id], false]);
    assert.deepEqual((await changes(alice, alice))!.items.length, 2, 'an owner asks itself');
  });

  test('ends with a refusal', async () => {
    const { vaults, alice, bob } = await setUp();
    vaults.answer(alice, refuses('ERR_NOT_PERMITTED'));
    await assert.rejects(changes(bob, alice), withCode('ERR_NOT_PERMITTED'));
  });

  test('of a replica that always has more, asks four times a minute and no more', async () => {
    const runtime = new VirtualRuntime();
    const { vaults, alice, bob, replica } = await setUp(runtime);
    vaults.leave(alice);
    vaults.answer(replica, async (_question, honest) => ({
      ...((await honest()) as object),
      items: [],
      more: true,
    }));
    const abort = new AbortController();
    const watch = bob.vault.watch(alice.id, 'c', { signal: abort.signal });
    const next = watch.next();
    await turns();
    vaults.asked.length = 0;
    await runtime.advance(60_000);
    const questions = vaults.askedOf(replica).length;
    assert.ok(questions === 3 || questions === 4, `${questions} questions in a minute`);
    abort.abort();
    await runtime.settle(next);
  });
});
