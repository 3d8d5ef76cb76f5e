import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseAddress } from '../../../src/base/address.ts';
import { createLog } from '../../../src/base/debug.ts';
import { AddressBook, type Mention } from '../../../src/discovery/address-book.ts';
import { Dialler } from '../../../src/discovery/dialler.ts';
import { PeerloomError } from '../../../src/index.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

/** A dialler whose dials a test answers. */
function dialler() {
  const runtime = new VirtualRuntime();
  const book = new AddressBook({ grew: () => {} });
  const connected = new Set<string>();
  const dials: { readonly key: string; readonly atMs: number }[] = [];
  /** The ids that answer, by the keys of their addresses. All others refuse. */
  const up = new Map<string, string>();
  /** Nodes that answer, and want no connection. */
  const refusing = new Set<string>();
  const errors = new Map<string, PeerloomError>();
  let wanted = 5;
  let visits = false;
  let underway = 0;
  let mostUnderway = 0;
  const own = new Dialler({
    book,
    runtime,
    policy: { minDelayMs: 1_000, maxDelayMs: 60_000, maxTrials: Number.POSITIVE_INFINITY },
    log: createLog('test', 'test', () => false),
    connections: () => connected.size,
    wanted: () => wanted,
    isConnected: (id) => connected.has(id),
    mayVisit: () => visits,
    async dial(entry) {
      dials.push({ key: entry.key, atMs: runtime.now() });
      mostUnderway = Math.max(mostUnderway, ++underway);
      await new Promise<void>((resolve) => runtime.setTimeout(resolve, 10));
      underway -= 1;
      if (refusing.has(entry.key)) return;
      const id = up.get(entry.key);
      if (id === undefined) throw errors.get(entry.key) ?? new PeerloomError('ERR_CONNECTION_REFUSED', 'no');
      book.proved(entry, id, { ms: runtime.now(), wallMs: runtime.wallNow() });
      connected.add(id);
    },
  });
  const add = (key: string, mention: Partial<Mention> = {}): void => {
    book.add({
      key,
      address: parseAddress(key),
      id: undefined,
      standing: 'given',
      source: 'test',
      teller: 'test',
      isPermanent: false,
      lastConnectedAt: undefined,
      ...mention,
    });
    own.wake();
  };
  const lose = (id: string): void => {
    connected.delete(id);
    own.wake();
  };
  const want = (count: number): void => {
    wanted = count;
  };
  const visit = (): void => {
    visits = true;
  };
  const dialsOf = (key: string): number => dials.filter((dial) => dial.key === key).length;
  return {
    own,
    runtime,
    refusing,
    visit,
    book,
    up,
    errors,
    connected,
    dials,
    dialsOf,
    add,
    lose,
    want,
    most: () => mostUnderway,
  };
}

suite('the dialler', () => {
  test('dials a permanent address for ever, with growing delays of a minute at most', async () => {
    const { own, runtime, dials, add } = dialler();
    add('seed:1', { isPermanent: true });
    own.start();
    await runtime.advance(3_600_000);
    const gaps = dials.slice(1).map(({ atMs }, at) => atMs - dials[at]!.atMs);
    assert.ok(dials.length >= 60 && dials.length < 400, `${dials.length}`);
    assert.ok(Math.max(...gaps) <= 60_020);
    assert.ok(gaps[0]! <= 1_020);
    own.stop();
    const { length } = dials;
    await runtime.advance(3_600_000);
    assert.equal(dials.length, length, 'nothing after it has stopped');
  });

  test('dials a permanent address also with connections enough, until it was there once, and every ten minutes or so', async () => {
    const { own, runtime, up, connected, dialsOf, add, lose } = dialler();
    for (let at = 0; at < 5; at++) connected.add(`node ${at}`);
    add('seed:1', { isPermanent: true });
    own.start();
    await runtime.advance(600_000);
    assert.ok(dialsOf('seed:1') > 5);
    up.set('seed:1', 'seed');
    await runtime.advance(60_000);
    assert.ok(connected.has('seed'));
    lose('seed');
    const before = dialsOf('seed:1');
    await runtime.advance(299_000 - 60_000);
    assert.equal(dialsOf('seed:1'), before);
    await runtime.advance(900_000);
    assert.equal(dialsOf('seed:1'), before + 1);
  });

  test('is content with a permanent address where a node answers, although it wants no connection', async () => {
    const { own, runtime, refusing, connected, dialsOf, add } = dialler();
    add('seed:1', { isPermanent: true });
    refusing.add('seed:1');
    own.start();
    await runtime.advance(290_000);
    assert.ok(
      dialsOf('seed:1') < 20,
      `${dialsOf('seed:1')}: as often as any other while connections are wanted`,
    );
    const before = dialsOf('seed:1');
    for (let at = 0; at < 5; at++) connected.add(`node ${at}`);
    await runtime.advance(200_000);
    assert.equal(dialsOf('seed:1'), before);
  });

  test('stops dialling others with connections enough, and goes on when one is lost', async () => {
    const { own, runtime, up, connected, dials, add, lose } = dialler();
    for (let port = 1; port <= 20; port++) {
      add(`a:${port}`);
      up.set(`a:${port}`, `node ${port}`);
    }
    own.start();
    await runtime.advance(60_000);
    assert.equal(connected.size, 5);
    assert.equal(dials.length, 5);
    lose([...connected][0]!);
    await runtime.advance(60_000);
    assert.equal(connected.size, 5);
    assert.equal(dials.length, 6);
  });

  test('visits each found node once, if no connection has to come of it', async () => {
    const { own, runtime, refusing, connected, visit, dials, dialsOf, add } = dialler();
    for (let at = 0; at < 5; at++) connected.add(`node ${at}`);
    for (let port = 1; port <= 20; port++) {
      add(`a:${port}`);
      refusing.add(`a:${port}`);
      add(`told:${port}`, { standing: 'told' });
    }
    own.start();
    await runtime.advance(3_600_000);
    assert.equal(dials.length, 0);
    visit();
    own.wake();
    await runtime.advance(299_000);
    assert.equal(dials.length, 0);
    await runtime.advance(3_600_000);
    assert.equal(dials.length, 20);
    for (let port = 1; port <= 20; port++) assert.equal(dialsOf(`a:${port}`), 1);
  });

  test('dials at most four at once, and one a second in the long run, whatever is found', async () => {
    const { own, runtime, dials, add, most } = dialler();
    for (let port = 1; port <= 1_000; port++) add(`a:${port}`);
    own.start();
    await runtime.advance(100_000);
    assert.equal(most(), 4);
    assert.ok(dials.length >= 100 && dials.length <= 108, `${dials.length}`);
  });

  test('dials what others told of by a clock that moves on while it looks', async () => {
    const { own, runtime, dials, add } = dialler();
    const now = runtime.now.bind(runtime);
    let looks = 0;
    runtime.now = () => now() + ++looks / 1_000_000;
    add('told:1', { standing: 'told' });
    own.start();
    for (let turn = 0; turn < 20 && dials.length === 0; turn++) await runtime.advance(1);
    assert.equal(dials.length, 1);
    own.stop();
  });

  test('dials what other nodes only told of once, and six a minute of them all', async () => {
    const { own, runtime, book, dials, dialsOf, add } = dialler();
    for (let port = 1; port <= 1_000; port++) add(`a:${port}`, { standing: 'told' });
    own.start();
    await runtime.advance(600_100);
    assert.ok(dials.length >= 60 && dials.length <= 64, `${dials.length}`);
    for (const { key } of dials) assert.equal(dialsOf(key), 1);
    assert.equal(book.size, 1_000 - dials.length);
  });

  test('does not wait for a node that connects and leaves at once, but dials it ever more rarely', async () => {
    const { own, runtime, up, dials, add, connected, lose } = dialler();
    add('a:1', { isPermanent: true });
    up.set('a:1', 'a');
    own.start();
    for (let second = 0; second < 3_600; second++) {
      await runtime.advance(1_000);
      if (connected.has('a')) lose('a');
    }
    assert.ok(dials.length >= 60 && dials.length < 140, `${dials.length}`);
  });

  test('never dials itself again', async () => {
    const { own, runtime, errors, dials, add } = dialler();
    errors.set('self:1', new PeerloomError('ERR_SELF_CONNECTION', 'self'));
    add('self:1', { isPermanent: true });
    own.start();
    await runtime.advance(3_600_000);
    assert.equal(dials.length, 1);
  });

  test('forgets an address after eight failures, but not while nothing can be reached', async () => {
    const { own, runtime, book, connected, up, add, dialsOf } = dialler();
    add('a:1');
    own.start();
    await runtime.advance(24 * 3_600_000);
    assert.ok(dialsOf('a:1') > 20);
    assert.equal(book.size, 1);
    add('b:1');
    up.set('b:1', 'b');
    await runtime.advance(1_800_000);
    assert.ok(connected.has('b'));
    assert.equal(book.find('a:1'), undefined);
  });
});
