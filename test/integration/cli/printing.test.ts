import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { eventText } from '../../../src/cli/event-text.ts';
import { type Data, Identity, type NodeConnection, Tensor } from '../../../src/index.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { Program, startNode } from './program.ts';

/** The `data` of the line that `--json` prints for a message. */
async function printed(t: Parameters<typeof startNode>[0], messages: readonly Data[]): Promise<unknown[]> {
  const { program, address } = await startNode(t);
  const [node] = await startNodes(t, 1);
  const connection = await node.connectWithNode(address);
  for (const message of messages) connection.send(message);
  await program.event('node_message', messages.length);
  return program.events.filter(({ event }) => event === 'node_message').map(({ data }) => data);
}

test('--json prints JSON as it is, and a form of its own for what JSON lacks', async (t) => {
  const messages: readonly (readonly [data: Data, json: unknown])[] = [
    ['a text', 'a text'],
    [
      { list: [1, 2.5, true, null], '': {} },
      { list: [1, 2.5, true, null], '': {} },
    ],
    [Uint8Array.of(0, 255), { $binary: 'AP8=', type: 'Uint8Array' }],
    [new Uint8Array(0), { $binary: '', type: 'Uint8Array' }],
    [Float32Array.of(1), { $binary: 'AACAPw==', type: 'Float32Array' }],
    [Tensor.from([[1n]]), { $tensor: 'AQAAAAAAAAA=', dtype: 'int64', shape: [1, 1] }],
    [{ n: -(2n ** 64n) }, { n: { $bigint: '-18446744073709551616' } }],
    [BigInt64Array.of(-2n), { $binary: '/v////////8=', type: 'BigInt64Array' }],
    [
      { round: 3, weights: Uint16Array.of(1, 2) },
      { round: 3, weights: { $binary: 'AQACAA==', type: 'Uint16Array' } },
    ],
    [
      [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0],
      [{ $number: 'NaN' }, { $number: 'Infinity' }, { $number: '-Infinity' }, { $number: '-0' }],
    ],
  ];
  assert.deepEqual(
    await printed(
      t,
      messages.map(([data]) => data),
    ),
    messages.map(([, json]) => json),
  );
});

test('--json escapes what could steer a terminal', async (t) => {
  const nasty = '\u001b[2J \u009b31m \u007f \u202e \u2028 \u{e0041} \r\n é 🙂';
  const { program, address } = await startNode(t);
  const [node] = await startNodes(t, 1);
  (await node.connectWithNode(address)).send(nasty);
  assert.equal((await program.event('node_message')).data, nasty);
  program.endInput();
  const { stdout } = await program.ended;
  assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.match(stdout, / é 🙂"/);
});

test('for people, remote text cannot steer the terminal nor speak for others', async (t) => {
  const program = new Program(t, ['node']);
  const [, address] = await program.prints(/^Listening on (.*)\n/);
  const [node] = await startNodes(t, 1, { options: { name: 'mal\u001b[7mlory' } });
  const connection = await node.connectWithNode(address!);
  connection.send('\u001b[2Jclear\tall\r\nada: I said that\u0007');
  connection.send({ '\u001b[2J': '\u001b[31mred', bytes: Uint8Array.of(1, 2) });
  connection.send('x'.repeat(100_000));
  await program.prints(/x{1000}\n/);
  program.endInput();
  const { stdout } = await program.ended;
  assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.match(stdout, /\nmal\[7mlory is connected \(inbound, 127\.0\.0\.1:\d+\)\n/);
  assert.match(stdout, /\nmal\[7mlory: \[2Jclear {2}all\nmal\[7mlory: ada: I said that\n/);
  assert.match(stdout, /\nmal\[7mlory: \{ .*bytes: Uint8Array\(2\) \[ 1, 2 \] \}\n/);
  assert.ok(stdout.includes(`\nmal[7mlory: ${'x'.repeat(100_000)}\n`), 'a file gets the whole of it');
});

test('for people, a request and a lost neighbour are told', async (t) => {
  const program = new Program(t, ['node']);
  const [, address] = await program.prints(/^Listening on (.*)\n/);
  const [node] = await startNodes(t, 1, { options: { name: 'ben' } });
  const connection = await node.connectWithNode(address!);
  await assert.rejects(connection.request('the time, please'), { code: 'ERR_HANDLER' });
  await program.prints(/\nben sent a request, which this program does not answer: "the time, please"\n/);
  await node.stop();
  await program.prints(/\nben is gone: the node stopped\n/);
});

test('for people, each event has a line of its own, or none', () => {
  const peer = (closeReason: object) =>
    ({
      name: 'ben',
      id: 'id',
      direction: 'outbound',
      host: '::1',
      port: 5,
      closeReason,
    }) as never as NodeConnection;
  const stopped = { code: 'stopped', by: 'us', message: 'the node stopped' };
  const error = new Error('it is\u001b[2J so');
  for (const [event, about, data, line] of [
    ['outbound_node_connected', {}, undefined, 'ben is connected (outbound, [::1]:5)'],
    ['inbound_node_disconnected', stopped, undefined, undefined],
    ['inbound_node_disconnected', { ...stopped, by: 'them' }, undefined, 'ben is gone: the node stopped'],
    [
      'outbound_node_disconnected',
      { ...stopped, code: 'overload' },
      undefined,
      'ben is gone: the node stopped',
    ],
    ['node_discovered', undefined, { id: 'x', source: 'mdns' }, 'found x (mdns)'],
    ['node_joined', undefined, 'x', 'joined: x'],
    ['node_left', undefined, { id: 'x', reason: 'stopped' }, 'left: x (it stopped)'],
    ['node_left', undefined, { id: 'x', reason: 'silent' }, 'left: x (it has been silent for too long)'],
    ['node_message_rejected', {}, error, 'rejected a message from ben: it is[2J so'],
    ['node_message_returned', {}, { count: 1, code: 'late' }, 'ben returned 1 message: late'],
    ['node_message_returned', {}, { count: 2, code: 'late' }, 'ben returned 2 messages: late'],
    ['node_session_lost', {}, { count: 0 }, undefined],
    ['node_session_lost', {}, { count: 1 }, 'ben may not have received the last message'],
    ['node_session_lost', {}, { count: 3 }, 'ben may not have received the last 3 messages'],
    ['node_reconnection_error', {}, { trials: 2, error }, 'attempt 2 to connect failed: it is[2J so'],
    ['node_error', undefined, { error }, 'it is[2J so'],
    ['node_stream', {}, undefined, undefined],
  ] as const) {
    const lines: string[] = [];
    const print = eventText((text) => lines.push(stripVTControlCharacters(text)));
    print(event, undefined as never, about && peer(about), data as never);
    assert.deepEqual(lines, line === undefined ? [] : [line], event);
  }
});

test('for people, an identity that two processes use is named', async (t) => {
  const identity = Identity.generate();
  const lines: string[] = [];
  const [server] = await startNodes(t, 1);
  const [older, newer] = await startNodes(t, 2, {
    options: { identity, callback: eventText((line) => lines.push(line)) },
  });
  await older.connectWithNode(server.host, server.port);
  await newer.connectWithNode(server.host, server.port);
  await older.event('outbound_node_disconnected');
  await assert.rejects(older.connectWithNode(server.host, server.port), { code: 'ERR_IDENTITY_IN_USE' });
  await newer.event('node_error');
  assert.ok(
    lines.some((line) => /another process with the identity of this node/.test(line)),
    lines.join('\n'),
  );
});

test('--debug tells every step on the standard error output, and the output stays JSON', async (t) => {
  const { program } = await startNode(t, ['--debug']);
  await program.complains(/listening on 127\.0\.0\.1/);
  program.endInput();
  await program.ended;
  assert.deepEqual(
    program.events.map(({ event }) => event),
    ['listening', 'node_request_to_stop'],
  );
});
