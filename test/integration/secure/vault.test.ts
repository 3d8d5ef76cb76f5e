import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Identity } from '../../../src/index.ts';
import { withCode } from '../../support/errors.ts';
import { samples } from '../../support/samples.ts';
import { until, within } from '../../support/turns.ts';
import { type TestSecureNode, trio, World } from './support/secure-nodes.ts';

suite('the vault', () => {
  test('an owner reads what it wrote, of every type', async (t) => {
    const alice = await new World(t).start('alice');
    for (const [name, data] of Object.entries(samples)) await alice.vault.put('samples', `the ${name}`, data);
    for (const [name, data] of Object.entries(samples)) {
      assert.deepStrictEqual(await alice.vault.get(alice.id, 'samples', `the ${name}`), data);
    }
    assert.deepEqual(alice.vault.items('samples').length, Object.keys(samples).length);
    await assert.rejects(alice.vault.get(alice.id, 'samples', 'nothing'), withCode('ERR_NOT_FOUND'));
    await assert.rejects(alice.vault.get(alice.id, 'nothing', 'nothing'), withCode('ERR_NOT_FOUND'));
  });

  test('a reader reads once granted, and not before', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    await alice.vault.put('health', 'blood-pressure', { sys: 120, dia: 80 });
    const read = () => bob.vault.get(alice.id, 'health', 'blood-pressure');
    await assert.rejects(read(), withCode('ERR_NOT_PERMITTED'));
    await alice.vault.grant('health', bob.id);
    assert.deepEqual(await read(), { sys: 120, dia: 80 });
    await alice.vault.put('health', 'blood-pressure', { sys: 130, dia: 85 });
    assert.deepEqual(await read(), { sys: 130, dia: 85 });
    await assert.rejects(
      carol.vault.get(alice.id, 'health', 'blood-pressure'),
      withCode('ERR_NOT_PERMITTED'),
    );
    await assert.rejects(bob.vault.get(alice.id, 'health', 'pulse'), withCode('ERR_NOT_FOUND'));
    await assert.rejects(bob.vault.get(alice.id, 'wealth', 'money'), withCode('ERR_NOT_FOUND'));
  });

  test('a revoked reader is refused, a later grant opens what is new, history what is old', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    const read = (item: string) => bob.vault.get(alice.id, 'diary', item);
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    await alice.vault.grant('diary', carol.id);
    assert.equal(await read('monday'), 'rain');
    await alice.vault.revoke('diary', bob.id);
    await alice.vault.put('diary', 'tuesday', 'sun');
    await assert.rejects(read('tuesday'), withCode('ERR_NOT_PERMITTED'));
    await assert.rejects(read('monday'), withCode('ERR_NOT_PERMITTED'));
    assert.equal(await carol.vault.get(alice.id, 'diary', 'tuesday'), 'sun');
    assert.equal(await carol.vault.get(alice.id, 'diary', 'monday'), 'rain');
    await alice.vault.grant('diary', bob.id);
    assert.equal(await read('tuesday'), 'sun');
    await assert.rejects(read('monday'), withCode('ERR_NOT_PERMITTED'));
    await alice.vault.grant('diary', bob.id, { history: true });
    assert.equal(await read('monday'), 'rain');
  });

  test('reencrypt puts all items under the new key', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    for (let count = 0; count < 600; count++) await alice.vault.put('many', `item ${count}`, count);
    await alice.vault.delete('many', 'item 5');
    await alice.vault.grant('many', bob.id);
    await alice.vault.grant('many', carol.id);
    assert.equal(await carol.vault.get(alice.id, 'many', 'item 7'), 7);
    await alice.vault.revoke('many', bob.id, { reencrypt: true });
    assert.equal(await carol.vault.get(alice.id, 'many', 'item 7'), 7);
    assert.equal(await alice.vault.get(alice.id, 'many', 'item 599'), 599);
    await assert.rejects(alice.vault.get(alice.id, 'many', 'item 5'), withCode('ERR_NOT_FOUND'));
    await alice.vault.put('many', 'more', 1);
    await alice.vault.grant('many', bob.id);
    assert.equal(await bob.vault.get(alice.id, 'many', 'item 8'), 8);
  });

  test('through a relay that is no reader', async (t) => {
    const [alice, relay, bob] = (await new World(t).line(3)) as [
      TestSecureNode,
      TestSecureNode,
      TestSecureNode,
    ];
    await alice.vault.put('far', 'away', Float64Array.of(1, 2));
    await assert.rejects(bob.vault.get(alice.id, 'far', 'away'), withCode('ERR_NOT_PERMITTED'));
    await alice.vault.grant('far', bob.id);
    assert.deepStrictEqual(await bob.vault.get(alice.id, 'far', 'away'), Float64Array.of(1, 2));
    await assert.rejects(relay.vault.get(alice.id, 'far', 'away'), withCode('ERR_NOT_PERMITTED'));
  });

  test('watch tells what is there, then each change, and ends with the permission', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob] = nodes;
    await alice.vault.put('news', 'one', 1);
    await alice.vault.put('news', 'two', 2);
    await alice.vault.grant('news', bob.id);
    const changes = bob.vault.watch(alice.id, 'news');
    const next = async (): Promise<[string, Data | undefined]> => {
      const { value } = await within(changes.next(), 'a change');
      return [value!.item, value!.value];
    };
    assert.deepEqual(
      [await next(), await next()],
      [
        ['one', 1],
        ['two', 2],
      ],
    );
    const third = next();
    await alice.vault.put('news', 'one', 'changed');
    assert.deepEqual(await third, ['one', 'changed']);
    const fourth = next();
    await alice.vault.delete('news', 'two');
    assert.deepEqual(await fourth, ['two', undefined]);
    const fifth = next();
    await alice.vault.revoke('news', bob.id);
    await assert.rejects(fifth, withCode('ERR_NOT_PERMITTED'));
  });

  test('watching an own collection, and ending a watch by a signal', async (t) => {
    const alice = await new World(t).start('alice');
    await alice.vault.put('own', 'one', 1);
    const abort = new AbortController();
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const { item, value } of alice.vault.watch(alice.id, 'own', { signal: abort.signal })) {
        seen.push([item, value]);
      }
    })();
    await until(() => seen.length === 1, 'the first');
    await alice.vault.put('own', 'two', 2);
    await until(() => seen.length === 2, 'the second');
    abort.abort();
    await within(watching, 'the end');
    assert.deepEqual(seen, [
      ['one', 1],
      ['two', 2],
    ]);
  });

  test('a watch ends when the node stops', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob] = nodes;
    await alice.vault.grant('news', bob.id);
    const end = bob.vault.watch(alice.id, 'news').next();
    await alice.vault.put('other', 'x', 1);
    await bob.stop();
    assert.equal((await within(end, 'the end')).done, true);
  });

  test('readers, collections and the audit trail', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    await alice.vault.put('a', 'x', 1);
    await alice.vault.grant('a', bob.id, { history: true });
    await alice.vault.grant('a', carol.id);
    await alice.vault.revoke('a', bob.id);
    await alice.vault.addReplica('a', bob.id);
    await alice.vault.put('b', 'x', 1);
    assert.deepEqual(
      alice.vault.readers('a').map(({ id, history }) => [id, history]),
      [[carol.id, false]],
    );
    assert.deepEqual(alice.vault.collections(), [
      { collection: 'a', items: 1, epoch: 2, readers: 1, replicas: [bob.id] },
      { collection: 'b', items: 1, epoch: 1, readers: 0, replicas: [] },
    ]);
    assert.deepEqual(
      alice.vault.audit('a').map(({ sequence, change }) => [sequence, change]),
      [
        [1, { kind: 'create' }],
        [2, { kind: 'grant', id: bob.id, history: true }],
        [3, { kind: 'grant', id: carol.id, history: false }],
        [4, { kind: 'revoke', id: bob.id, reencrypt: false }],
        [5, { kind: 'add-replica', id: bob.id }],
      ],
    );
  });

  test('granting twice, and revoking who is no reader, changes nothing', async (t) => {
    const { nodes } = await trio(t);
    const [alice, bob, carol] = nodes;
    await alice.vault.grant('a', bob.id);
    await alice.vault.grant('a', bob.id);
    await alice.vault.revoke('a', carol.id);
    assert.equal(alice.vault.audit('a').length, 2);
  });

  test('arguments that are wrong are named', async (t) => {
    const { vault, id } = await new World(t).start('alice');
    await assert.rejects(vault.put('', 'x', 1), RangeError);
    await assert.rejects(vault.put('c', 'x'.repeat(257), 1), RangeError);
    await assert.rejects(vault.put('c', 'x', undefined as never), TypeError);
    await assert.rejects(vault.grant('c', 'bob'), /id must be the id of a node/);
    await assert.rejects(vault.grant('c', id), /another node/);
    await assert.rejects(vault.get('bob', 'c', 'x'), /owner must be/);
    await assert.rejects(vault.revoke('c', 'bob'), TypeError);
    const bob = Identity.generate().id;
    const misspelt = { reencript: true, histroy: true, form: [] } as object;
    await assert.rejects(
      vault.grant('c', bob, misspelt),
      /reencript is not an option.* The options are history/,
    );
    await assert.rejects(vault.revoke('c', bob, misspelt), /The options are reencrypt/);
    await assert.rejects(vault.get(bob, 'c', 'x', misspelt), /The options are from/);
    await assert.rejects(vault.getStream(bob, 'c', 'x', misspelt).next(), /The options are from/);
    await assert.rejects(vault.watch(bob, 'c', misspelt).next(), /The options are since, signal/);
    await assert.rejects(
      vault.put('c', 'x', new Uint8Array(8 * 1024 * 1024)),
      withCode('ERR_MESSAGE_TOO_LARGE'),
    );
  });

  test('an export is taken in by the same identity alone, and never over something newer', async (t) => {
    const world = new World(t);
    const alice = await world.start('alice');
    await alice.vault.put('a', 'x', 'old');
    await alice.vault.put('a', 'y', Uint8Array.of(1));
    const exported = await alice.vault.export();
    assert.ok(!Buffer.from(exported).includes('old'));
    const other = await world.start('other');
    await assert.rejects(other.vault.import(exported), withCode('ERR_VAULT_INVALID'));
    const { body } = alice.vaultEngine.store.item(alice.id, 'a', 'x')!;
    const damaged = Uint8Array.from(exported);
    damaged[Buffer.from(exported).indexOf(body) + 20]! ^= 1;
    await assert.rejects(alice.vault.import(damaged), withCode('ERR_SIGNATURE_INVALID'));
    await assert.rejects(alice.vault.import(exported.subarray(0, -10)), withCode('ERR_VAULT_INVALID'));
    await alice.vault.put('a', 'x', 'new');
    await assert.rejects(alice.vault.import(exported), withCode('ERR_ROLLBACK'));
    assert.equal(await alice.vault.get(alice.id, 'a', 'x'), 'new');
  });
});
