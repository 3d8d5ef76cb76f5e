/** A node reports each inbound connection that fails, whatever protocol it speaks and whenever it fails. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { type ErrorCode, type NodeOptions, PeerloomError, tcp } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { startNodes } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

type Failure = [address: string, error: PeerloomError, direction: string];

/** A node, and the failures that it reports to a listener. */
async function startListener(t: TestContext, options: NodeOptions = {}) {
  const [node] = await startNodes(t, 1, { options });
  const failures: Failure[] = [];
  node.on('connection_error', (...failure) => void failures.push(failure));
  return { node, failures };
}

/** Sends bytes to a node from a bare socket, then ends its side where `ends` says so. */
async function send(node: RecordingNode, bytes: string | Uint8Array, { ends = false } = {}) {
  const socket = connectSocket(node.port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  const from = `127.0.0.1:${socket.localPort}`;
  if (bytes.length > 0) socket.write(bytes);
  if (ends) socket.end();
  return { from, closed };
}

const open = (): NodeOptions => ({ transports: [tcp({ accept: ['tls', 'plain', 'p2pnetwork'] })] });
const tlsOnly = (): NodeOptions => ({});

const cases: readonly {
  readonly what: string;
  readonly options: () => NodeOptions;
  readonly bytes: string | Uint8Array;
  readonly ends?: boolean;
  readonly code: ErrorCode;
}[] = [
  { what: 'bytes that are no TLS', options: tlsOnly, bytes: 'GET / HTTP/1.1\r\n\r\n', code: 'ERR_HANDSHAKE' },
  {
    what: 'TLS that is damaged',
    options: open,
    bytes: Buffer.concat([Buffer.from('1603010010', 'hex'), Buffer.alloc(16, 0xff)]),
    code: 'ERR_HANDSHAKE',
  },
  {
    what: 'a plain proof that is wrong',
    options: open,
    bytes: Buffer.concat([Buffer.from('PEERLM1\n'), Buffer.alloc(32 + 96, 7)]),
    code: 'ERR_HANDSHAKE',
  },
  { what: 'an id with a colon', options: open, bytes: 'a:b:10001', code: 'ERR_HANDSHAKE' },
  { what: 'no bytes at all', options: open, bytes: '', ends: true, code: 'ERR_CONNECTION_CLOSED' },
  {
    what: 'the beginning of plain',
    options: open,
    bytes: 'PEERLM1\n',
    ends: true,
    code: 'ERR_CONNECTION_CLOSED',
  },
];

suite('an inbound handshake that fails', () => {
  for (const { what, options, bytes, ends, code } of cases) {
    test(`is reported once: ${what}`, async (t) => {
      const { node, failures } = await startListener(t, options());
      const { from, closed } = await send(node, bytes, { ends: ends ?? false });
      await closed;
      await node.event('connection_error');
      assert.equal(failures.length, 1);
      const [address, error, direction] = failures[0]!;
      assert.deepEqual([address, error.code, direction], [from, code, 'inbound']);
      assert.ok(error instanceof PeerloomError);
      assert.deepEqual(node.of('connection_error')[0]!.data, { address, error, direction });
    });
  }

  for (const [what, options] of [
    ['TLS', tlsOnly],
    ['any protocol', open],
  ] as const) {
    test(`is reported once: nothing arrives in time (${what})`, async (t) => {
      const { node, failures } = await startListener(t, {
        ...options(),
        limits: { handshakeTimeoutMs: 50 },
      });
      const { from, closed } = await send(node, '');
      await closed;
      assert.equal(failures.length, 1);
      assert.equal(failures[0]![0], from);
      assert.ok(withCode('ERR_TIMEOUT', /the handshake took more than 50 ms/)(failures[0]![1]));
    });
  }

  test('does not flood the handlers', async (t) => {
    const { node, failures } = await startListener(t);
    const attempts = await Promise.all(Array.from({ length: 60 }, () => send(node, 'nonsense')));
    await Promise.all(attempts.map(({ closed }) => closed));
    // All have failed now; those past ten in a second come together.
    await until(
      () => failures.some(([, error]) => /the last of \d+ inbound/.test(error.message)),
      'a summary',
    );
    const omitted = failures.reduce((sum, [, error]) => {
      const [, count] = /the last of (\d+) inbound/.exec(error.message) ?? [];
      return sum + (count === undefined ? 1 : Number(count));
    }, 0);
    assert.equal(omitted, 60);
    assert.ok(failures.length < 30, `${failures.length} reports`);
  });

  test('is reported to an overridden method too', async (t) => {
    const seen: unknown[] = [];
    class Watcher extends RecordingNode {
      override connectionError(address: string, error: PeerloomError, direction: 'inbound' | 'outbound') {
        seen.push([address, error.code, direction]);
      }
    }
    const [node] = await startNodes(t, 1, { kind: Watcher });
    const { from } = await send(node, 'nonsense');
    await node.event('connection_error');
    assert.deepEqual(seen, [[from, 'ERR_HANDSHAKE', 'inbound']]);
  });
});
