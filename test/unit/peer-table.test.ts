import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { NodeConnection } from '../../src/index.ts';
import { PeerTable } from '../../src/peer-table.ts';
import { turn } from '../support/turns.ts';

/** What the table looks at. */
function connectionWith(id: string): NodeConnection & { isOpen: boolean } {
  return { id, isOpen: true } as NodeConnection & { isOpen: boolean };
}

const asks = (instance: string, replace = false) => ({ instance, replace });

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
    lower.setDialling('z', promise);
    higher.setDialling('a', promise);
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
    const fresh = { instance: 'run 1', direction: direction === 'inbound' ? 'outbound' : 'inbound' } as const;
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
  table.setDialling('a', dialling.promise);
  table.setAnswering('a', answering.promise);
  assert.equal(table.dialling('a'), dialling.promise);
  assert.equal(table.answering('a'), answering.promise);
  const newer = Promise.withResolvers<NodeConnection>();
  table.setDialling('a', newer.promise);
  dialling.reject(new Error('refused'));
  answering.resolve(undefined);
  await assert.rejects(dialling.promise);
  await turn();
  assert.equal(table.dialling('a'), newer.promise, 'a newer one is not forgotten with the older');
  assert.equal(table.answering('a'), undefined);
  newer.reject(new Error('refused'));
  await turn();
  assert.equal(table.dialling('a'), undefined);
});
