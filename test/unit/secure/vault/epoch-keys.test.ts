import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../../src/index.ts';
import { canonicalJson } from '../../../../src/secure/canonical-json.ts';
import { encryptionKeyOf, encryptionKeysOf, HpkeOpener, hpkeSeal } from '../../../../src/secure/hpke.ts';
import { EpochKeys } from '../../../../src/secure/vault/epoch-keys.ts';
import { withCode } from '../../../support/errors.ts';

const [alice, bob, carol] = [Identity.generate(), Identity.generate(), Identity.generate()];
const name = { owner: alice.id, collection: 'c', epoch: 1 };

function keysOf(who: Identity): { keys: EpochKeys; opened: () => number } {
  const opener = new HpkeOpener(encryptionKeysOf(who));
  const open = opener.open.bind(opener);
  let opened = 0;
  opener.open = (...args) => {
    opened += 1;
    return open(...args);
  };
  return { keys: new EpochKeys(who.id, opener), opened: () => opened };
}

suite('the keys of epochs', () => {
  test('are new each time, and open to the owner and its readers', async () => {
    const { keys } = keysOf(alice);
    const epoch = await keys.newEpoch(name, 7, [bob.id]);
    assert.deepEqual([epoch.epoch, epoch.from, Object.keys(epoch.wraps)], [1, 7, [alice.id, bob.id]]);
    const key = await keys.unwrap(name, epoch);
    assert.equal(key.length, 32);
    assert.deepEqual(await keysOf(bob).keys.unwrap(name, epoch), key);
    const another = await keys.newEpoch(name, 7, [bob.id]);
    assert.notDeepEqual(await keys.unwrap(name, another), key);
  });

  test('are opened to one more reader without being changed for others', async () => {
    const { keys } = keysOf(alice);
    const epoch = await keys.newEpoch(name, 0, [bob.id]);
    const opened = await keys.openTo(carol.id, name, epoch);
    assert.deepEqual(opened, { ...epoch, wraps: { ...epoch.wraps, [carol.id]: opened.wraps[carol.id] } });
    assert.deepEqual(await keysOf(carol).keys.unwrap(name, opened), await keys.unwrap(name, epoch));
    assert.equal(await keys.openTo(bob.id, name, opened), opened, 'he can open it already');
  });

  test('stay shut in another place, also once the wrap was opened in its own', async () => {
    const { keys } = keysOf(bob);
    const epoch = await keysOf(alice).keys.newEpoch(name, 0, [bob.id]);
    await keys.unwrap(name, epoch);
    const places = [
      { ...name, epoch: 2 },
      { ...name, collection: 'd' },
      { ...name, owner: carol.id },
    ];
    for (const place of places) {
      await assert.rejects(keys.unwrap(place, epoch), withCode('ERR_DECRYPTION'), JSON.stringify(place));
    }
    await keys.unwrap(name, epoch);
  });

  test('are told apart by their wraps: a new key in the same place is not the old one', async () => {
    const owner = keysOf(alice).keys;
    const { keys } = keysOf(bob);
    const [one, other] = [await owner.newEpoch(name, 0, [bob.id]), await owner.newEpoch(name, 0, [bob.id])];
    assert.notDeepEqual(await keys.unwrap(name, one), await keys.unwrap(name, other));
  });

  test('are opened once, however often they are used', async () => {
    const { keys, opened } = keysOf(bob);
    const epoch = await keysOf(alice).keys.newEpoch(name, 0, [bob.id]);
    for (let count = 0; count < 5; count++) await keys.unwrap(name, epoch);
    assert.equal(opened(), 1);
  });

  test('take no more memory than a thousand of them do', async () => {
    let opened = 0;
    const opener = {
      open: async () => {
        opened += 1;
        return new Uint8Array(32);
      },
    } as unknown as HpkeOpener;
    const keys = new EpochKeys(bob.id, opener);
    const unwrap = (count: number) => {
      const wrap = Buffer.from(String(count).padStart(6)).toString('base64url');
      return keys.unwrap(name, { epoch: 1, from: 0, wraps: { [bob.id]: wrap } });
    };
    for (let round = 0; round < 2; round++) for (let count = 0; count < 1_024; count++) await unwrap(count);
    assert.equal(opened, 1_024, 'all of them are remembered');
    await unwrap(1_024);
    await unwrap(1_024);
    assert.equal(opened, 1_025);
    await unwrap(0);
    assert.equal(opened, 1_026, 'one more than there is room for, and those before are forgotten');
  });

  test('are refused without a wrap, and for one that is none', async () => {
    const { keys } = keysOf(bob);
    const epoch = await keysOf(alice).keys.newEpoch(name, 0, []);
    await assert.rejects(
      keys.unwrap(name, epoch),
      withCode('ERR_NOT_PERMITTED', /has not granted epoch 1 of c/),
    );
    await assert.rejects(keys.unwrap(name, undefined), withCode('ERR_NOT_PERMITTED'));
    const inherited = { ...epoch, wraps: Object.create({ [bob.id]: 'AAAA' }) };
    await assert.rejects(keys.unwrap(name, inherited), withCode('ERR_NOT_PERMITTED'));
    for (const wrap of ['!', 'AAAA', epoch.wraps[alice.id]!]) {
      const broken = { ...epoch, wraps: { [bob.id]: wrap } };
      await assert.rejects(keys.unwrap(name, broken), withCode('ERR_DECRYPTION'));
    }
    await assert.rejects(
      keys.unwrap(name, { ...epoch, wraps: { [bob.id]: '' } }),
      withCode('ERR_NOT_PERMITTED'),
    );
  });

  test('are refused when they have another length, as only their owner could have made them', async () => {
    const associated = canonicalJson([alice.id, 'c', 1, bob.id]);
    for (const length of [0, 16, 31, 33]) {
      const context = { info: 'peerloom-vault-wrap-1', associated };
      const wrap = await hpkeSeal(encryptionKeyOf(bob.id), new Uint8Array(length), context);
      const epoch = { epoch: 1, from: 0, wraps: { [bob.id]: Buffer.from(wrap).toString('base64url') } };
      await assert.rejects(
        keysOf(bob).keys.unwrap(name, epoch),
        withCode('ERR_DECRYPTION', /does not contain a key/),
      );
    }
  });
});
