import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseAddress } from '../../../src/base/address.ts';
import { AddressBook, type BookEntry, type Mention } from '../../../src/discovery/address-book.ts';

/** A book of ten addresses, and what a test says to it. */
function book() {
  const grew: number[] = [];
  const own = new AddressBook({ grew: (bytes) => grew.push(bytes) }, 10);
  const add = (key: string, mention: Partial<Mention> = {}): BookEntry | undefined =>
    own.add({
      key,
      address: parseAddress(key),
      id: undefined,
      standing: 'told',
      source: 'nodes',
      teller: 'liar',
      isPermanent: false,
      lastConnectedAt: undefined,
      ...mention,
    });
  const keys = (): string[] => [...own].map(({ key }) => key);
  return { own, add, keys, grew };
}

suite('the address book', () => {
  test('takes from the teller of most unproven addresses when it is full', () => {
    const { own, add, keys } = book();
    add('honest:1', { teller: 'honest' });
    add('honest:2', { teller: 'honest' });
    for (let port = 1; port <= 100; port++) add(`lie:${port}`);
    assert.equal(own.size, 10);
    assert.deepEqual(keys().slice(0, 3), ['honest:1', 'honest:2', 'lie:93']);
    add('honest:3', { teller: 'honest' });
    assert.ok(keys().includes('honest:3'));
    assert.ok(!keys().includes('lie:93'));
  });

  test('keeps what is proven and permanent, and gives up proven ones past a half, the one proven longest ago first', () => {
    const { own, add, keys } = book();
    add('seed:1', { isPermanent: true });
    for (let port = 1; port <= 9; port++) {
      const entry = add(`proven:${port}`, { teller: 'honest' })!;
      if (port <= 4) own.proved(entry, `node ${port}`, { ms: 10 - port, wallMs: 0 });
    }
    for (let port = 1; port <= 100; port++) add(`lie:${port}`);
    for (let port = 1; port <= 4; port++) assert.ok(keys().includes(`proven:${port}`));
    assert.ok(keys().includes('seed:1'));
    for (const key of keys().filter((one) => one.startsWith('lie')))
      own.proved(own.find(key)!, key, { ms: 20, wallMs: 0 });
    add('new:1');
    assert.ok(keys().includes('new:1'));
    assert.ok(!keys().includes('proven:4'), 'proven at 6 ms');
  });

  test('counts what it holds, in both directions', () => {
    const { own, add, keys, grew } = book();
    add('a:1');
    const first = own.heldBytes;
    assert.ok(first > 500);
    assert.deepEqual(grew, [first]);
    add('a:1', { standing: 'given', source: 'a much longer source', teller: 'and a teller' });
    assert.ok(own.heldBytes > first);
    for (const key of keys()) own.remove(own.find(key)!);
    assert.equal(own.heldBytes, 0);
  });

  test('holds eight addresses of a node, the best first', () => {
    const { own, add } = book();
    for (let port = 1; port <= 9; port++) add(`a:${port}`, { id: 'a' });
    assert.equal(own.of('a').length, 8);
    own.proved(own.find('a:5')!, 'a', { ms: 1, wallMs: 5 });
    add('a:6', { id: 'a', standing: 'seen' });
    assert.deepEqual(
      own
        .of('a')
        .slice(0, 2)
        .map(({ key }) => key),
      ['a:5', 'a:6'],
    );
  });

  test('lets nobody say which node must answer at an address that the user named without an id', () => {
    const { own, add } = book();
    add('seed:1', { standing: 'given', isPermanent: true });
    add('seed:1', { id: 'liar' });
    assert.equal(own.find('seed:1')!.id, undefined);
    assert.equal(own.has('liar'), false);
    own.proved(own.find('seed:1')!, 'seed', { ms: 1, wallMs: 1 });
    add('seed:1', { id: 'liar', standing: 'seen' });
    assert.equal(own.find('seed:1')!.id, 'seed');
  });

  test('believes the node of an address more than those that tell of it, and a discovery most', () => {
    const { own, add } = book();
    add('a:1', { id: 'liar' });
    add('a:1', { id: 'other liar' });
    assert.equal(own.find('a:1')!.id, 'liar');
    add('a:1', { id: 'a', standing: 'seen' });
    assert.equal(own.find('a:1')!.id, 'a');
    assert.equal(own.has('liar'), false);
    add('a:1', { id: 'b', standing: 'given', source: 'mdns' });
    assert.deepEqual([...own.ids], ['b']);
    assert.equal(own.of('b')[0]!.source, 'mdns');
  });
});
