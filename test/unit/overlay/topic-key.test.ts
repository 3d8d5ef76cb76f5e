import assert from 'node:assert/strict';
import { createDecipheriv, createHmac, hkdfSync, scryptSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemRuntime } from '../../../src/index.ts';
import { sealBytes } from '../../../src/overlay/sealed-body.ts';
import { TopicKey } from '../../../src/overlay/topic-key.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';

const source = { text: 'secret', network: 'net', topic: 'chat', runtime: systemRuntime };
const header = Uint8Array.of(1, 2, 3);
const payload = { format: 2, body: Uint8Array.of(104, 105) };

/** Other texts each time: a key that is known is not derived again. */
let texts = 0;
const freshSource = () => ({ ...source, text: `text ${texts++}` });

/** How many turns the event loop has while something is awaited. */
async function turnsWhile(promise: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const done = promise.then(() => {
    isDone = true;
  });
  while (!isDone) {
    await nextTurn();
    turns += 1;
  }
  await done;
  return turns;
}

suite('the key of a topic', () => {
  test('names and seals as protocol 14.10 lays down', async () => {
    const key = await TopicKey.derive(source);
    const salt = Buffer.from('peerloom topic key 1\0\0\x03netchat');
    const secret = scryptSync('secret', salt, 32, { N: 32_768, r: 8, p: 1, maxmem: 2 ** 26 });
    const name = createHmac('sha256', secret).update('peerloom topic name 1').digest('hex').slice(0, 32);
    assert.equal(key.wireTopic, name);

    const sealed = key.seal(header, payload);
    assert.equal(sealed.length, payload.body.length + sealBytes);
    const bodyKey = hkdfSync('sha256', secret, sealed.subarray(0, 32), 'peerloom topic body 1', 32);
    const decipher = createDecipheriv('aes-256-gcm', new Uint8Array(bodyKey), new Uint8Array(12));
    decipher.setAAD(header).setAuthTag(sealed.subarray(-16));
    const text = Buffer.concat([decipher.update(sealed.subarray(32, -16)), decipher.final()]);
    assert.deepEqual(text, Buffer.from('\x02hi'));
  });

  test('opens what it sealed, and seals nothing twice in the same way', async () => {
    const key = await TopicKey.derive(source);
    const [one, other] = [key.seal(header, payload), key.seal(header, payload)];
    assert.deepEqual({ ...key.open(header, one) }, payload);
    assert.deepEqual({ ...key.open(header, other) }, payload);
    assert.notDeepEqual(one, other);
  });

  test('opens nothing that was changed, cut, or sealed with another header', async () => {
    const key = await TopicKey.derive(source);
    const sealed = key.seal(header, payload);
    const refused = (head: Uint8Array, bytes: Uint8Array): void =>
      assert.throws(() => key.open(head, bytes), withCode('ERR_DECRYPTION'));
    for (let at = 0; at < sealed.length; at++) {
      const changed = Uint8Array.from(sealed);
      changed[at]! ^= 1;
      refused(header, changed);
    }
    for (let length = 0; length < sealed.length; length++) refused(header, sealed.slice(0, length));
    refused(Uint8Array.of(1, 2, 4), sealed);
    refused(new Uint8Array(), sealed);
  });

  test('is another one for another text, network or topic, also where they join alike', async () => {
    const key = await TopicKey.derive(source);
    const others = [
      { ...source, text: 'Secret' },
      { ...source, network: 'ne', topic: 'tchat' },
      { ...source, network: '' },
      { ...source, topic: 'chats' },
    ];
    for (const each of others) {
      const other = await TopicKey.derive(each);
      assert.notEqual(other.wireTopic, key.wireTopic);
      assert.throws(() => other.open(header, key.seal(header, payload)), withCode('ERR_DECRYPTION'));
    }
  });

  test('is derived while the event loop runs, and only once', async (t) => {
    assert.ok((await turnsWhile(TopicKey.derive(freshSource()))) > 5);
    const again = freshSource();
    const scrypt = t.mock.method(process.getBuiltinModule('node:crypto'), 'scrypt');
    await Promise.all([TopicKey.derive(again), TopicKey.derive(again)]);
    await TopicKey.derive(again);
    assert.equal(scrypt.mock.callCount(), 1);
  });

  test('is the same in a browser, where it is derived in pieces', async (t) => {
    const ofThisTest = freshSource();
    const key = await TopicKey.derive({ ...ofThisTest, runtime: new VirtualRuntime() });
    t.mock.method(process, 'getBuiltinModule', () => undefined);
    const derived = TopicKey.derive(ofThisTest);
    assert.ok((await turnsWhile(derived)) > 5);
    const inBrowser = await derived;
    assert.equal(inBrowser.wireTopic, key.wireTopic);
    assert.deepEqual({ ...key.open(header, inBrowser.seal(header, payload)) }, payload);
  });

  test('is the same in a simulation, which waits for no other thread, and seals by its seed', async () => {
    const seal = async (seed: number): Promise<Uint8Array> => {
      const runtime = new VirtualRuntime({ seed });
      const key = await runtime.settle(TopicKey.derive({ ...source, runtime }));
      return key.seal(header, payload);
    };
    assert.deepEqual(await seal(1), await seal(1));
    assert.notDeepEqual(await seal(1), await seal(2));
    const real = await TopicKey.derive(source);
    assert.deepEqual({ ...real.open(header, await seal(1)) }, payload);
  });

  test('does not show its secret', async () => {
    const key = await TopicKey.derive(source);
    assert.deepEqual(Object.keys(key), ['wireTopic']);
  });
});
