import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { NodeConnection } from '../../../src/api/node-connection.ts';
import { PeerloomError } from '../../../src/base/errors.ts';
import { NeighbourRefused } from '../../../src/peers/neighbour-refused.ts';
import { maxFailedDials, maxPastPeers, PastFailures } from '../../../src/peers/past-failures.ts';

suite('past failures', () => {
  const refused = new PeerloomError('ERR_CONNECTION_REFUSED', 'nothing listens');
  const none: ReadonlySet<string> = new Set();

  function open() {
    const clock = { ms: 0 };
    return { clock, failures: new PastFailures({ now: () => clock.ms }) };
  }

  function connection(id: string): NodeConnection {
    return { id, host: '192.0.2.1', port: 1, direction: 'outbound' } as unknown as NodeConnection;
  }

  test('of dials are counted by address, until a dial succeeds', () => {
    const { clock, failures } = open();
    failures.dialFailed('tls://a:1', 'id', refused);
    clock.ms = 5;
    failures.dialFailed('tls://a:1', 'id', refused);
    const [failure] = failures.dialsOf('id', none);
    assert.deepEqual(failure, {
      address: 'tls://a:1',
      id: 'id',
      code: 'ERR_CONNECTION_REFUSED',
      message: 'nothing listens',
      atMs: 5,
      attempts: 2,
    });
    failures.dialled('tls://a:1');
    assert.deepEqual(failures.dialsOf('id', none), []);
  });

  test('of a dial that expected nobody are found by the address, not by another node', () => {
    const { failures } = open();
    failures.dialFailed('tls://a:1', undefined, refused);
    failures.dialFailed('tls://b:1', 'other', refused);
    assert.equal(failures.dialsOf('id', none).length, 0);
    const keys = new Set(['tls://a:1', 'tls://b:1']);
    assert.deepEqual(
      failures.dialsOf('id', keys).map(({ address }) => address),
      ['tls://a:1'],
    );
  });

  test('are bounded: the earliest is forgotten, and long messages are cut', () => {
    const { failures } = open();
    const long = new PeerloomError('ERR_HANDSHAKE', `\u001b[2J${'x'.repeat(100_000)}`);
    for (let each = 0; each < 2 * maxFailedDials; each++) failures.dialFailed(`tls://a:${each}`, 'id', long);
    for (let each = 0; each < 2 * maxPastPeers; each++) {
      failures.handshakeFailed(`h${each}`, { scheme: undefined, host: '192.0.2.1', port: 1 }, refused);
      failures.ended(connection(`${each}`), { code: 'stopped', message: 'it stopped', by: 'them' });
    }
    const dials = failures.dialsOf('id', none);
    assert.equal(dials.length, maxFailedDials);
    assert.equal(dials[0]!.address, `tls://a:${2 * maxFailedDials - 1}`);
    assert.equal(dials[0]!.message.length, 512);
    assert.ok(!dials[0]!.message.includes('\u001b'));
    assert.equal(failures.connectionWith('0'), undefined);
    assert.equal(failures.connectionWith(`${2 * maxPastPeers - 1}`)?.address, '192.0.2.1:1');
    for (let each = 0; each < maxPastPeers; each++) {
      assert.equal(failures.connectionWith(`${each}`), undefined, `${each}`);
    }
    assert.equal(failures.handshakes.length, maxPastPeers);
    assert.equal(failures.handshakes[0]!.id, `h${2 * maxPastPeers - 1}`);
  });

  test('do not include what the caller ended, and a node that has neighbours enough', () => {
    const { failures } = open();
    for (const code of ['ERR_ABORTED', 'ERR_NOT_STARTED'] as const) {
      failures.dialFailed('tls://a:1', 'id', new PeerloomError(code, 'over'));
    }
    failures.dialFailed('tls://a:1', 'id', new NeighbourRefused('a:1', 'no place'));
    assert.deepEqual(failures.dialsOf('id', none), []);
  });

  test('of a handshake are over once there was a connection', () => {
    const { failures } = open();
    failures.handshakeFailed('id', { scheme: undefined, host: '192.0.2.1', port: 1 }, refused);
    assert.equal(failures.handshakeOf('id')?.code, 'ERR_CONNECTION_REFUSED');
    failures.ended(connection('id'), { code: 'stopped', message: 'it stopped', by: 'them' });
    assert.equal(failures.handshakeOf('id'), undefined);
  });
});
