import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity, systemRuntime } from '../../../../src/index.ts';
import { currentEpoch } from '../../../../src/secure/vault/collection-state.ts';
import { withCode } from '../../../support/errors.ts';
import { turns } from '../../../support/turns.ts';
import { type Member, Vaults } from './support/vaults.ts';

/** An owner whose clock stands still until a test moves it. */
function setUp() {
  const vaults = new Vaults();
  const clock = { now: 1_000_000.75 };
  const alice = vaults.start({ runtime: { ...systemRuntime, wallNow: () => clock.now } });
  const [bob, carol] = [Identity.generate().id, Identity.generate().id];
  return { vaults, clock, alice, bob, carol };
}

const stored = ({ engine, id }: Member, collection = 'c') => engine.store.collection(id, collection)!;
const versionOf = ({ engine, id }: Member, item: string) => engine.store.item(id, 'c', item)!.version;
const kinds = ({ vault }: Member) => vault.audit('c').map(({ change }) => change.kind);

suite('the versions of an own collection', () => {
  test('grow with each change, and are at least the time, in whole milliseconds', async () => {
    const { alice, clock } = setUp();
    await alice.vault.put('c', 'one', 1);
    await alice.vault.put('c', 'two', 2);
    assert.deepEqual([versionOf(alice, 'one'), versionOf(alice, 'two')], [1_000_000, 1_000_001]);
    clock.now = 2_000_000;
    await alice.vault.put('c', 'one', 3);
    assert.equal(versionOf(alice, 'one'), 2_000_000);
    clock.now = 5;
    await alice.vault.delete('c', 'one');
    assert.equal(versionOf(alice, 'one'), 2_000_001);
    assert.equal(stored(alice).version, 2_000_001);
    assert.equal(alice.engine.store.item(alice.id, 'c', 'one')!.time, 5);
  });

  test('of each collection are its own', async () => {
    const { alice, clock } = setUp();
    await alice.vault.put('c', 'one', 1);
    await alice.vault.put('d', 'one', 1);
    assert.equal(stored(alice, 'd').version, 1_000_000);
    clock.now += 1;
    await alice.vault.put('d', 'two', 1);
    assert.deepEqual([stored(alice).version, stored(alice, 'd').version], [1_000_000, 1_000_001]);
  });

  test('of an epoch begin where those of the one before end', async () => {
    const { alice, bob } = setUp();
    await alice.vault.put('c', 'one', 1);
    await alice.vault.grant('c', bob);
    await alice.vault.revoke('c', bob);
    const { state, version } = stored(alice);
    assert.deepEqual(
      state.epochs.map(({ epoch, from }) => [epoch, from]),
      [
        [1, 0],
        [2, 1_000_001],
      ],
    );
    assert.equal(version, 1_000_000);
    await alice.vault.put('c', 'two', 2);
    assert.deepEqual(
      [versionOf(alice, 'two'), alice.engine.store.item(alice.id, 'c', 'two')!.epoch],
      [1_000_001, 2],
    );
  });
});

suite('the versions of an own collection, by a clock that is set back,', () => {
  test('stay in the epoch that a revocation began', async () => {
    const { alice, bob, clock } = setUp();
    await alice.vault.put('c', 'one', 1);
    await alice.vault.grant('c', bob);
    clock.now = 2_000_000;
    await alice.vault.revoke('c', bob);
    assert.deepEqual([currentEpoch(stored(alice).state).from, stored(alice).version], [2_000_000, 1_999_999]);
    clock.now = 1_500_000;
    await alice.vault.put('c', 'two', 2);
    const { version, epoch } = alice.engine.store.item(alice.id, 'c', 'two')!;
    assert.deepEqual([version, epoch], [2_000_000, 2]);
    assert.equal(await alice.vault.get(alice.id, 'c', 'two'), 2);
  });
});

suite('the history of an own collection', () => {
  test('names what changed, and nothing that changed nothing', async () => {
    const { alice, bob, carol } = setUp();
    const { vault } = alice;
    await vault.grant('c', bob);
    await vault.grant('c', bob);
    await vault.addReplica('c', carol);
    await vault.addReplica('c', carol);
    await vault.revoke('c', carol);
    await vault.removeReplica('c', bob);
    await vault.grant('c', bob, { history: true });
    await vault.grant('c', bob);
    await vault.grant('c', bob, { history: true });
    assert.deepEqual(kinds(alice), ['create', 'grant', 'add-replica', 'grant']);
    assert.deepEqual(vault.readers('c'), [{ id: bob, since: 1_000_000, history: true }]);
    await vault.removeReplica('c', carol);
    await vault.revoke('c', bob);
    await vault.revoke('c', bob);
    assert.deepEqual(kinds(alice).slice(4), ['remove-replica', 'revoke']);
    assert.deepEqual(vault.readers('c'), []);
    assert.equal(stored(alice).head.epoch, 2);
  });

  test('keeps since when a reader may read when more is opened to it', async () => {
    const { alice, bob, clock } = setUp();
    await alice.vault.grant('c', bob);
    clock.now = 2_000_000;
    await alice.vault.grant('c', bob, { history: true });
    assert.deepEqual(alice.vault.readers('c'), [{ id: bob, since: 1_000_000, history: true }]);
    await alice.vault.revoke('c', bob);
    await alice.vault.grant('c', bob);
    assert.deepEqual(alice.vault.readers('c'), [{ id: bob, since: 2_000_000, history: false }]);
  });

  test('cannot be begun by a revocation', async () => {
    const { alice, bob } = setUp();
    await assert.rejects(alice.vault.revoke('c', bob), withCode('ERR_NOT_FOUND', /has no collection c/));
    assert.deepEqual(alice.vault.collections(), []);
    await alice.vault.put('c', 'one', 1); // a change that failed holds up no other
    assert.deepEqual(kinds(alice), ['create']);
  });
});

suite('the epochs of an own collection', () => {
  const wrapsOf = (member: Member) =>
    stored(member).state.epochs.map(({ wraps }) => Object.keys(wraps).sort());

  test('are opened by a grant as far as it says', async () => {
    const { alice, bob, carol } = setUp();
    const dave = Identity.generate().id;
    await alice.vault.put('c', 'one', 1);
    await alice.vault.grant('c', bob);
    await alice.vault.revoke('c', bob);
    await alice.vault.put('c', 'two', 2);
    await alice.vault.grant('c', carol);
    await alice.vault.grant('c', dave, { history: true });
    assert.deepEqual(wrapsOf(alice), [[alice.id, dave].sort(), [alice.id, carol, dave].sort()]);
  });

  test('lose the wraps of a reader that was revoked, all of them', async () => {
    const { alice, bob, carol } = setUp();
    await alice.vault.put('c', 'one', 1);
    for (const id of [bob, carol]) await alice.vault.grant('c', id, { history: true });
    await alice.vault.revoke('c', bob);
    assert.deepEqual(wrapsOf(alice), [[alice.id, carol].sort(), [alice.id, carol].sort()]);
  });

  test('that no item is left of are dropped, the current one is not', async () => {
    const { alice, bob } = setUp();
    const numbers = () => stored(alice).state.epochs.map(({ epoch }) => epoch);
    await alice.vault.put('c', 'one', 1);
    await alice.vault.put('c', 'two', 1);
    for (let round = 0; round < 3; round++) {
      await alice.vault.grant('c', bob);
      await alice.vault.revoke('c', bob);
    }
    assert.deepEqual(numbers(), [1, 4], 'nothing was written in the others');
    await alice.vault.put('c', 'one', 2);
    await alice.vault.grant('c', bob);
    assert.deepEqual(numbers(), [1, 4]);
    await alice.vault.put('c', 'two', 2);
    await alice.vault.grant('c', bob, { history: true });
    assert.deepEqual(numbers(), [4]);
  });

  test('are closed by reencrypt, all those before, whatever their items are', async () => {
    const { alice, bob } = setUp();
    const { vault, engine } = alice;
    for (let count = 0; count < 150; count++) await vault.put('c', `${count}`, count);
    await vault.delete('c', '7');
    await vault.putStream('c', 'film', [new Uint8Array(3_000).fill(1)]);
    await vault.grant('c', bob);
    await vault.revoke('c', bob, { reencrypt: true });
    assert.equal(stored(alice).state.closed, 1);
    const { items } = engine.store.items(alice.id, 'c', { after: 0, maxBytes: 1e9 });
    assert.deepEqual(new Set(items.map(({ epoch }) => epoch)), new Set([2]));
    assert.equal(new Set(items.map(({ version }) => version)).size, items.length);
    assert.equal(items.at(-1)!.version, stored(alice).version);
    assert.equal(await vault.get(alice.id, 'c', '99'), 99);
    await assert.rejects(vault.get(alice.id, 'c', '7'), withCode('ERR_NOT_FOUND'));
    const parts: Uint8Array[] = [];
    for await (const part of vault.getStream(alice.id, 'c', 'film')) parts.push(part);
    assert.equal(Buffer.concat(parts).length, 3_000);
    await vault.grant('c', bob);
    assert.deepEqual(
      stored(alice).state.epochs.map(({ epoch }) => epoch),
      [2],
    );
    await vault.revoke('c', bob);
    assert.equal(stored(alice).state.closed, 1, 'without reencrypt nothing more is closed');
  });
});

suite('the changes of an own collection', () => {
  test('happen one after the other, in the order in which they were asked for', async () => {
    const { alice, bob } = setUp();
    const { vault } = alice;
    await Promise.all([
      vault.put('c', 'one', 1),
      vault.grant('c', bob),
      vault.put('c', 'one', 2),
      vault.revoke('c', bob),
      vault.put('c', 'one', 3),
      vault.grant('c', bob),
    ]);
    assert.deepEqual(kinds(alice), ['create', 'grant', 'revoke', 'grant']);
    assert.equal(await vault.get(alice.id, 'c', 'one'), 3);
    assert.equal(versionOf(alice, 'one'), stored(alice).version);
    assert.equal(currentEpoch(stored(alice).state).epoch, 2);
  });

  test('are told to those who watch, and to replicas, once they are kept', async () => {
    const { vaults, alice } = setUp();
    const replica = vaults.start();
    const bob = vaults.start();
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.grant('c', bob.id);
    const seen: unknown[] = [];
    const abort = new AbortController();
    const watching = (async () => {
      for await (const { item, value } of bob.vault.watch(alice.id, 'c', { signal: abort.signal })) {
        seen.push([item, value]);
        if (seen.length === 2) abort.abort();
      }
    })();
    await turns();
    await alice.vault.put('c', 'one', 1);
    await alice.vault.sync();
    assert.deepEqual(replica.engine.store.itemNames(alice.id, 'c'), ['one']);
    while (seen.length === 0) await turns(1);
    await alice.vault.put('c', 'two', 2);
    await watching;
    assert.deepEqual(seen, [
      ['one', 1],
      ['two', 2],
    ]);
  });

  test('that fail are told to nobody', async () => {
    const { vaults, alice } = setUp();
    const replica = vaults.start();
    await alice.vault.addReplica('c', replica.id);
    await alice.vault.sync();
    vaults.asked.length = 0;
    const { saveItem } = alice.engine.store;
    alice.engine.store.saveItem = () => {
      throw new Error('no room');
    };
    await assert.rejects(alice.vault.put('c', 'one', 1), /no room/);
    alice.engine.store.saveItem = saveItem;
    await turns();
    assert.deepEqual(vaults.asked, []);
    await assert.rejects(alice.vault.get(alice.id, 'c', 'one'), withCode('ERR_NOT_FOUND'));
  });
});

suite('what a vault says of itself', () => {
  test('is what is there: items that are not deleted, epochs, readers, replicas', async () => {
    const { alice, bob, carol } = setUp();
    const { vault } = alice;
    assert.deepEqual(
      [vault.collections(), vault.items('c'), vault.readers('c'), vault.audit('c')],
      [[], [], [], []],
    );
    await vault.put('c', 'two', 2);
    await vault.put('c', 'one', 1);
    await vault.put('c', 'gone', 0);
    await vault.delete('c', 'gone');
    await vault.grant('c', bob);
    await vault.addReplica('c', carol);
    await vault.put('b', 'x', 1);
    assert.deepEqual(vault.collections(), [
      { collection: 'b', items: 1, epoch: 1, readers: 0, replicas: [] },
      { collection: 'c', items: 2, epoch: 1, readers: 1, replicas: [carol] },
    ]);
    assert.deepEqual(vault.items('c'), ['one', 'two']);
    await assert.rejects(
      vault.get(alice.id, 'c', 'gone'),
      withCode('ERR_NOT_FOUND', /there is no item gone in c/),
    );
  });

  test('refuses arguments that cannot be right, at once', async () => {
    const { alice, bob } = setUp();
    const { vault } = alice;
    const long = 'x'.repeat(257);
    const wrong: [RegExp, Promise<unknown>][] = [
      [/^collection must be a string/, vault.put(7 as never, 'i', 1)],
      [/^item must be a string/, vault.put('c', null as never, 1)],
      [/^item must be a string/, vault.put('c', '\ud800', 1)],
      [/^item must be 1 to 256 characters long, not 0/, vault.put('c', '', 1)],
      [/^collection must be 1 to 256 characters long, not 257/, vault.put(long, 'i', 1)],
      [/^owner must be the id of a node, not 'x'/, vault.get('x', 'c', 'i')],
      [/^id must be the id of a node, not 'x'/, vault.grant('c', 'x')],
      [/^id must be the id of another node, not of the owner/, vault.grant('c', alice.id)],
      [/^id must be the id of another node/, vault.revoke('c', alice.id)],
      [/^id must be the id of another node/, vault.addReplica('c', alice.id)],
      [/^id must be the id of another node/, vault.removeReplica('c', alice.id)],
      [/histroy is not an option/, vault.grant('c', bob, { histroy: true } as never)],
      [/reencyrpt is not an option/, vault.revoke('c', bob, { reencyrpt: true } as never)],
      [/form is not an option/, vault.get(alice.id, 'c', 'i', { form: [] } as never)],
      [/form is not an option/, vault.getStream(alice.id, 'c', 'i', { form: [] } as never).next()],
      [
        /^since must be a whole number of at least 0, not -1/,
        vault.watch(alice.id, 'c', { since: -1 }).next(),
      ],
      [/^since must be .*, not 'x'/, vault.watch(alice.id, 'c', { since: 'x' as never }).next()],
      [/sinse is not an option/, vault.watch(alice.id, 'c', { sinse: 1 } as never).next()],
    ];
    for (const [message, call] of wrong) {
      await assert.rejects(call, (error: Error) => {
        assert.ok(error instanceof TypeError || error instanceof RangeError, `${error}`);
        assert.match(error.message, message);
        return true;
      });
    }
    for (const list of [() => vault.items(''), () => vault.readers(long), () => vault.audit(7 as never)]) {
      assert.throws(list, { message: /^collection must be / });
    }
    await vault.put('x'.repeat(256), 'y'.repeat(256), 1);
  });
});
