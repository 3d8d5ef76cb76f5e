import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { NodeConnection, Security } from '../../../src/index.ts';
import { PeerTable } from '../../../src/peers/peer-table.ts';
import { turn } from '../../support/turns.ts';

const tls = { protocol: 'tls', encrypted: true, authenticated: true } as const;
const plain = { protocol: 'tcp', encrypted: false, authenticated: true } as const;
const python = { protocol: 'p2pnetwork', encrypted: false, authenticated: false } as const;

/** What the table looks at. */
type Connection = NodeConnection & { isOpen: boolean; isSuspended: boolean };

function connectionWith(id: string, security: Security = tls): Connection {
  return { id, isOpen: true, isSuspended: false, security } as Connection;
}

const asks = (instance: string, replace = false, security: Security = tls) => ({
  instance,
  replace,
  security,
});

suite('connections', () => {
  test('are found by id, until they are removed', () => {
    const table = new PeerTable('m');
    const connection = connectionWith('a');
    assert.equal(table.add(connection, 'run 1'), undefined);
    assert.equal(table.get('a'), connection);
    assert.equal(table.get('b'), undefined);
    table.remove(connection);
    assert.equal(table.get('a'), undefined);
  });

  test('give way to newer ones, whose place the end of the older does not take', () => {
    const table = new PeerTable('m');
    const [older, newer] = [connectionWith('a'), connectionWith('a')];
    table.add(older, 'run 1');
    assert.equal(table.add(newer, 'run 2'), older);
    table.remove(older);
    assert.equal(table.get('a'), newer);
  });

  test('last until they close, or are left', () => {
    const table = new PeerTable('m');
    const connection = connectionWith('a');
    table.add(connection, 'run 1');
    assert.equal(table.lasting('a'), connection);
    connection.isOpen = false;
    assert.equal(table.lasting('a'), undefined);
    connection.isOpen = true;
    table.leave(connectionWith('a'));
    assert.equal(table.lasting('a'), connection, 'another one was left');
    table.leave(connection);
    assert.equal(table.lasting('a'), undefined);
    assert.equal(table.get('a'), connection);
  });
});

suite('a node that dials us', () => {
  test('is welcome when there is nothing between us', () => {
    assert.equal(new PeerTable('m').decide('a', asks('run 1')), 'accept');
  });

  test('is refused while we are connected, unless it was restarted or says it has lost the connection', () => {
    const table = new PeerTable('m');
    const connection = connectionWith('a');
    table.add(connection, 'run 1');
    assert.equal(table.decide('a', asks('run 1')), 'refuse');
    assert.equal(table.decide('a', asks('run 2')), 'accept');
    assert.equal(table.decide('a', asks('run 1', true)), 'accept');
    connection.isOpen = false;
    assert.equal(table.decide('a', asks('run 1')), 'accept', 'what closes stands in nobody’s way');
  });

  test('from a run that gave way to the present one is a conflict, whatever it says, while that one is here', () => {
    const table = new PeerTable('m');
    table.add(connectionWith('a'), 'run 1');
    const present = connectionWith('a');
    table.add(present, 'run 2');
    assert.equal(table.decide('a', asks('run 1')), 'conflict');
    assert.equal(table.decide('a', asks('run 1', true)), 'conflict');
    assert.equal(table.decide('a', asks('run 2')), 'refuse');
    assert.equal(table.decide('a', asks('run 3')), 'accept');
    assert.equal(table.takeUntoldRival('a'), present);
    assert.equal(table.takeUntoldRival('a'), undefined, 'it is told once');
    present.isOpen = false;
    assert.equal(table.decide('a', asks('run 1')), 'accept', 'only one of them is here');
  });

  test('from a run whose connection had ended before another one came is no conflict', () => {
    const table = new PeerTable('m');
    const earlier = connectionWith('a');
    table.add(earlier, 'run 1');
    earlier.isOpen = false;
    table.add(connectionWith('a'), 'run 2');
    assert.equal(table.decide('a', asks('run 1')), 'accept');
  });

  test('while we dial it: the dial of the lower id wins, on both sides', async () => {
    const lower = new PeerTable('a');
    const higher = new PeerTable('z');
    const { promise, resolve } = Promise.withResolvers<NodeConnection>();
    lower.setDialling('z', promise, tls);
    higher.setDialling('a', promise, tls);
    assert.equal(lower.decide('z', asks('run 1')), 'refuse');
    assert.equal(higher.decide('a', asks('run 1')), 'accept');
    assert.equal(lower.decide('z', asks('run 1', true)), 'accept');
    assert.equal(lower.decide('y', asks('run 1')), 'accept', 'another node');
    resolve(connectionWith('z'));
    await turn();
    assert.equal(lower.decide('z', asks('run 1')), 'accept', 'the dial is over');
  });
});

test('of two that came up at once the one stays that the lower id dialled', () => {
  for (const [own, direction, stays] of [
    ['a', 'outbound', true],
    ['a', 'inbound', false],
    ['z', 'inbound', true],
    ['z', 'outbound', false],
  ] as const) {
    const table = new PeerTable(own);
    const other = { ...connectionWith('m'), direction } as NodeConnection;
    const opposite = direction === 'inbound' ? 'outbound' : 'inbound';
    const fresh = { instance: 'run 1', direction: opposite, security: tls } as const;
    assert.equal(table.prevails('m', undefined, fresh), false, 'there is no other');
    table.add(other, 'run 1');
    assert.equal(table.prevails('m', undefined, fresh), stays);
    assert.equal(table.prevails('m', other, fresh), false, 'it was there before');
    assert.equal(
      table.prevails('m', undefined, { ...fresh, direction }),
      false,
      'the same side dialled twice',
    );
    assert.equal(table.prevails('m', undefined, { ...fresh, instance: 'run 2' }), false, 'it was restarted');
  }
});

test('handshakes under way are remembered until they end, well or badly', async () => {
  const table = new PeerTable('m');
  const dialling = Promise.withResolvers<NodeConnection>();
  const answering = Promise.withResolvers<NodeConnection | undefined>();
  table.setDialling('a', dialling.promise, tls);
  table.setAnswering('a', answering.promise, tls);
  assert.equal(table.dialling('a', tls), dialling.promise);
  assert.equal(table.answering('a', tls), answering.promise);
  const newer = Promise.withResolvers<NodeConnection>();
  table.setDialling('a', newer.promise, tls);
  dialling.reject(new Error('refused'));
  answering.resolve(undefined);
  await assert.rejects(dialling.promise);
  await turn();
  assert.equal(table.dialling('a', tls), newer.promise, 'a newer one is not forgotten with the older');
  assert.equal(table.answering('a', tls), undefined);
  newer.reject(new Error('refused'));
  await turn();
  assert.equal(table.dialling('a', tls), undefined);
});

suite('a link that promises less than another one', () => {
  const ladder = [tls, plain, python];
  const pairs = ladder.flatMap((more, at) => ladder.slice(at + 1).map((less) => [more, less] as const));

  for (const [more, less] of pairs) {
    const names = `${less.protocol} and ${more.protocol}`;

    test(`does not take its place, whatever the other node says, nor while it is suspended: ${names}`, () => {
      const table = new PeerTable('m');
      const connection = connectionWith('a', more);
      table.add(connection, 'run 1');
      for (const isSuspended of [false, true]) {
        connection.isSuspended = isSuspended;
        assert.equal(table.outranks('a', less), true);
        for (const instance of ['run 1', 'run 2']) {
          assert.equal(table.decide('a', asks(instance, false, less)), 'refuse');
          assert.equal(table.decide('a', asks(instance, true, less)), 'refuse');
          assert.equal(table.decide('a', { ...asks(instance, false, less), resumes: true }), 'refuse');
          const fresh = { instance, direction: 'inbound', security: less } as const;
          assert.equal(table.prevails('a', undefined, fresh), true);
          assert.equal(table.prevails('a', connection, fresh), true);
        }
      }
      connection.isOpen = false;
      assert.equal(table.outranks('a', less), false, 'what has ended is in nobody’s way');
    });

    test(`gives way to it, and is not taken for it: ${names}`, () => {
      const table = new PeerTable('m');
      const connection = connectionWith('a', less);
      table.add(connection, 'run 1');
      assert.equal(table.lasting('a', less), connection);
      assert.equal(table.lasting('a', more), undefined);
      assert.equal(table.decide('a', asks('run 1', false, more)), 'accept');
      const fresh = { instance: 'run 1', direction: 'inbound', security: more } as const;
      assert.equal(table.prevails('a', undefined, fresh), false);
    });

    test(`is not joined by a dial for it, and leaves the dial under way alone: ${names}`, async () => {
      for (const own of ['b', 'z']) {
        const table = new PeerTable(own);
        const { promise, resolve } = Promise.withResolvers<NodeConnection>();
        table.setDialling('m', promise, less);
        table.setAnswering('m', promise, less);
        assert.equal(table.dialling('m', less), promise);
        assert.equal(table.dialling('m', more), undefined);
        assert.equal(table.answering('m', more), undefined);
        assert.equal(table.decide('m', asks('run 1', false, more)), 'accept');
        const stronger = Promise.withResolvers<NodeConnection>();
        table.setDialling('m', stronger.promise, more);
        table.setDialling('m', promise, less);
        assert.equal(table.dialling('m', less), stronger.promise);
        assert.equal(table.decide('m', asks('run 1', false, less)), 'refuse');
        resolve(connectionWith('m'));
        stronger.resolve(connectionWith('m'));
        await turn();
        assert.equal(table.dialling('m', less), undefined);
      }
    });
  }
});
