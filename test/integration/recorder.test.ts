import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import {
  type Data,
  Identity,
  type NodeConnection,
  type NodeEventName,
  type NodeOptions,
  type Runtime,
  systemRuntime,
} from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { FlightError, replay } from '../../src/simulator/testing/index.ts';
import { heldBytes } from '../support/memory.ts';
import { type RecordedEvent, RecordingNode } from '../support/recording-node.ts';
import { connect, makeNode, startNodes } from '../support/start-nodes.ts';
import { turn } from '../support/turns.ts';
import { Program } from './cli/program.ts';
import '../support/look-over.ts';

/** Answers, counts, and passes on. */
class Counter extends RecordingNode {
  readonly told: string[] = [];
  readonly zero = Promise.withResolvers<void>();

  override nodeMessage(peer: NodeConnection, data: Data): void {
    this.told.push(`${peer.id} ${JSON.stringify(data)}`);
    if (typeof data === 'number' && data > 0) peer.send(data - 1);
    if (data === 0) this.zero.resolve();
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return { answer: data };
  }

  override nodeBroadcast(origin: string, data: Data): void {
    this.told.push(`${origin} ${JSON.stringify(data)}`);
  }

  tellAll(text: string): number {
    this.told.push(text);
    return this.sendToNodes(text).sent;
  }
}

/** Does one thing otherwise. */
class ChangedCounter extends Counter {
  override nodeMessage(peer: NodeConnection, data: Data): void {
    super.nodeMessage(peer, data === 2 ? 3 : data);
  }
}

function fileIn(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'recorder-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
    // A replay that breaks off leaves a node in the middle of its work, which nothing but memory holds.
    heldBytes();
  });
  return join(folder, 'flight.jsonl');
}

async function startRecorded(
  t: TestContext,
  options: NodeOptions & { readonly recorder: NonNullable<NodeOptions['recorder']> },
): Promise<Counter> {
  const node = makeNode(t, { kind: Counter, options: { name: 'recorded', ...options } });
  await node.start();
  return node;
}

/** What a node has seen and counted. */
function stateOf(node: Counter) {
  const { told, messageCountSend, messageCountRecv, messageCountRerr, allNodes } = node;
  const events = node.events.map(({ name, peer }) => [name, peer?.id, peer?.closeReason?.code]);
  const peers = allNodes.map(({ id, direction, isOpen, isSuspended }) => ({
    id,
    direction,
    isOpen,
    isSuspended,
  }));
  return { told, events, peers, counts: [messageCountSend, messageCountRecv, messageCountRerr] };
}

/**
 * Waits for an event as code does that is no part of the node. Then lets the node finish what it is doing: in the middle
 * of that, calls cannot be recorded.
 */
async function seen(node: RecordingNode, name: NodeEventName, nth = 1): Promise<RecordedEvent> {
  const event = await RecordingNode.prototype.event.call(node, name, nth);
  await turn();
  return event;
}

/** The reason that ends a recording before its node. */
async function earlyEnd(node: RecordingNode): Promise<string> {
  const { data } = await seen(node, 'node_error');
  return (data as { error: Error }).error.message;
}

suite('the recorder of a node', () => {
  test('writes what brings a node over TLS into the same state again, also where a peer crashes', async (t) => {
    const path = fileIn(t);
    const [a, b] = await startNodes(t, 2, { kind: Counter });
    const node = await startRecorded(t, { recorder: { path } });
    const killed = new Program(t, ['node', '--json', '--connect', `127.0.0.1:${node.port}`]);
    const connection = await node.connectWithNode(a.host, a.port, { reconnect: true });
    await b.connectWithNode(node.host, node.port);
    await seen(node, 'inbound_node_connected', 2);

    connection.send(4);
    connection.send(3);
    assert.deepEqual(await connection.request({ bytes: new Uint8Array(3) }), {
      answer: { bytes: new Uint8Array(3) },
    });
    assert.equal(node.tellAll('hello'), 3);
    await connection.deliver({ much: 'x'.repeat(300_000) });
    a.broadcast({ to: 'all' });
    await seen(node, 'node_broadcast');
    killed.type('last words\n');
    await seen(node, 'node_message', 4);
    killed.signal('SIGKILL');
    const { peer: gone } = await seen(node, 'inbound_node_disconnected');
    assert.throws(() => gone!.send('too late'), { code: 'ERR_CONNECTION_CLOSED' });
    await assert.rejects(node.connectWithNode('127.0.0.1', 1), { code: 'ERR_CONNECTION_REFUSED' });
    // What was going on when this was called is in the recording.
    await connection.ping();
    const before = stateOf(node);
    const flight = readFileSync(path);
    await node.stop();

    const whole = await replay({ path, create: Counter });
    assert.deepEqual([whole.difference, whole.end], [undefined, 'the node has stopped']);
    assert.deepEqual(stateOf(whole.node), stateOf(node));
    assert.ok(whole.turns > 30, `${whole.turns} turns`);
    assert.equal(whole.node.id, node.id);

    // As if the process had been killed.
    writeFileSync(path, flight.subarray(0, -3));
    const part = await replay({ path, create: Counter });
    assert.deepEqual([part.difference, part.end], [undefined, undefined]);
    assert.deepEqual(stateOf(part.node).peers, before.peers);
    assert.deepEqual(before.peers.map(({ id }) => id).sort(), [a.id, b.id].sort());
  });

  test('shows where another class does something else for the first time', async (t) => {
    const path = fileIn(t);
    const [a] = await startNodes(t, 1, { kind: Counter });
    const node = await startRecorded(t, { recorder: { path } });
    const connection = await node.connectWithNode(a.host, a.port);
    connection.send(5);
    await seen(node, 'node_message', 3);
    await node.stop();
    const turns: string[] = [];
    const { difference, node: changed } = await replay({
      path,
      create: ChangedCounter,
      onTurn: (_turn, text) => turns.push(text),
    });
    // a returned 4, was sent 3, and returned 2.
    assert.deepEqual(changed.told, [`${a.id} 4`, `${a.id} 3`]);
    assert.match(difference!.input, /^bytes 1 \d+$/);
    assert.match(difference!.expected, /^send 1 /);
    assert.match(difference!.came, /^send 1 /);
    assert.notEqual(difference!.came, difference!.expected);
    assert.ok(
      turns.some((text) => text.includes('\n  outbound_node_connected 1')),
      turns.join('\n'),
    );

    const other = await replay({
      path,
      create: ({ host, port, options }) => new Counter(host, port, { ...options, name: 'other' }),
    });
    assert.match(other.difference!.expected, /^send 1 /);
  });

  test('keeps the file to itself, and within its bound while a peer floods the node', async (t) => {
    const path = fileIn(t);
    writeFileSync(path, '01234567 {"a recording that is open to others": true}\n', { mode: 0o644 });
    const [a] = await startNodes(t, 1, { kind: Counter });
    const maxBytes = 1_200_000;
    const node = await startRecorded(t, { recorder: { path, maxBytes } });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const connection = await a.connectWithNode(node.host, node.port);
    const flood = Buffer.alloc(1_000).toString();
    for (let count = 0; count < 2_000; count++) if (!connection.send(flood)) await connection.drained();
    await seen(node, 'node_message', 2_000);
    assert.match(
      await earlyEnd(node),
      /^the recorder has ended its recording after \d+ turns: it has reached maxBytes, 1,200,000$/,
    );
    connection.send('the last message');
    await seen(node, 'node_message', 2_001);
    await node.stop();
    const [size, ...ringSizes] = [path, `${path}.1`, `${path}.2`].map((file) => statSync(file).size);
    const all = size! + ringSizes[0]! + ringSizes[1]!;
    assert.ok(size! > maxBytes / 2 && all > size! && all <= maxBytes, `${size} and ${ringSizes} bytes`);
    // The last of it is there to be looked at.
    const ring = [1, 2].map((index) => readFileSync(`${path}.${index}`, 'utf8')).join('');
    assert.match(ring, /"node_request_to_stop"/);
    assert.equal(statSync(`${path}.1`).mode & 0o777, 0o600);
    const { difference, end, node: replayed } = await replay({ path, create: Counter });
    assert.deepEqual([difference, end], [undefined, 'it has reached maxBytes, 1,200,000']);
    assert.ok(replayed.messageCountRecv < 2_000);
  });

  test('shares its file with no other node of the process', async (t) => {
    const path = fileIn(t);
    const node = await startRecorded(t, { recorder: { path } });
    assert.throws(
      () => new Counter('127.0.0.1', 0, { recorder: { path } }),
      /: another node records into it$/,
    );
    await node.stop();
    const next = await startRecorded(t, { recorder: { path } });
    await next.stop();
    assert.equal((await replay({ path, create: Counter })).difference, undefined);
  });

  test('overwrites no file but an earlier recording', async (t) => {
    const path = fileIn(t);
    writeFileSync(path, 'export class ChatNode {}');
    assert.throws(() => new Counter('127.0.0.1', 0, { recorder: { path } }), {
      name: 'TypeError',
      message:
        /^recorder.path cannot be written, choose another file: there is a file that is not a recording$/,
    });
    assert.equal(readFileSync(path, 'utf8'), 'export class ChatNode {}');
  });

  test('stops where the disk is full, and says so', { skip: process.platform !== 'linux' }, async (t) => {
    const node = await startRecorded(t, { recorder: { path: '/dev/full' } });
    assert.match(await earlyEnd(node), /: the disk fails: ENOSPC/);
    const [a] = await startNodes(t, 1, { kind: Counter });
    await connect(node, a);
    assert.equal(node.tellAll('still here'), 1);
    assert.equal(await a.message(), 'still here');
  });

  test('ends the recording at what it cannot write down, and names it', async (t) => {
    const [a] = await startNodes(t, 1, { kind: Counter });
    const cases: [why: RegExp, act: (node: Counter, connection: NodeConnection) => unknown][] = [
      [
        /ping\(\) cannot be recorded: its arguments cannot be written down: they hold a value of the class AbortSignal/,
        (_node, connection) => connection.ping({ signal: new AbortController().signal }),
      ],
      [
        /on\(\) cannot be recorded: its arguments cannot be written down: they hold a function/,
        (node) => node.on('node_message', () => {}),
      ],
      [
        /openStream\(\) cannot be recorded: what it returns is used in pieces/,
        (_node, connection) => connection.openStream().catch(() => {}),
      ],
      [
        /tellAll\(\) cannot be recorded: it was called in the middle of what the node was doing/,
        async (node, connection) => {
          connection.send(1);
          await node.zero.promise;
          node.tellAll('in the middle');
        },
      ],
    ];
    for (const [why, act] of cases) {
      const path = fileIn(t);
      const node = await startRecorded(t, { recorder: { path } });
      await act(node, await node.connectWithNode(a.host, a.port));
      assert.match(await earlyEnd(node), why);
      await node.stop();
      assert.equal((await replay({ path, create: Counter })).difference, undefined);
    }
  });

  test('ends the recording where a handler waits for something that is not recorded', async (t) => {
    const path = fileIn(t);
    class Waiting extends Counter {
      override async nodeMessage(peer: NodeConnection): Promise<void> {
        await new Promise(setImmediate);
        peer.send('late');
      }
    }
    const [a] = await startNodes(t, 1, { kind: Counter });
    const node = makeNode(t, { kind: Waiting, options: { recorder: { path } } });
    await node.start();
    await a.connectWithNode(node.host, node.port);
    a.tellAll('now');
    assert.match(await earlyEnd(node), /: it did something that no input asked for/);
    assert.equal(await a.message(), 'late');
    await node.stop();
    assert.equal((await replay({ path, create: Waiting })).difference, undefined);
  });

  test('says in one line where a file is damaged', async (t) => {
    const path = fileIn(t);
    const node = await startRecorded(t, { recorder: { path } });
    await node.stop();
    const whole = readFileSync(path, 'utf8');
    const lines = whole.split('\n');
    const damages: [text: string, problem: string][] = [
      ['', ' is not a flight recording of peerloom'],
      [whole.replace('127.0.0.1', '127.0.0.2'), ' is not a flight recording of peerloom'],
      [whole.replace('"start"', '"stop"'), ' is damaged in line 3: it is not what was written'],
      [lines.toSpliced(2, 1).join('\n'), ' is damaged in line 3: it is not what was written'],
      [`${whole}${lines[1]}\n`, ` is damaged in line ${lines.length}: it follows the end`],
    ];
    for (const [text, problem] of damages) {
      writeFileSync(path, text);
      const error = await replay({ path, create: Counter }).catch((reason: unknown) => reason);
      assert.ok(error instanceof FlightError, problem);
      assert.equal(error.message, `${path}${problem}`);
    }
  });

  test('refuses nodes that it cannot record', (t) => {
    const recorder = { path: fileIn(t) };
    const signer = { publicKey: Identity.generate().publicKey, sign: () => new Uint8Array(64) };
    const virtual: Runtime = { ...systemRuntime, isVirtual: true };
    const wrong: [options: NodeOptions, why: RegExp][] = [
      [{ recorder, identity: signer }, /^recorder needs an identity whose key the node holds/],
      [{ recorder, runtime: virtual }, /^recorder is not for simulated nodes/],
      [
        { recorder: { path: join(tmpdir(), 'no such folder', 'a') } },
        /^recorder.path cannot be written, choose another file: ENOENT/,
      ],
      [{ recorder: { path: recorder.path, maxBytes: 1 } }, /^recorder.maxBytes must be /],
      [{ recorder: { path: 1 as never } }, /^recorder.path must be a string/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => new Counter('127.0.0.1', 0, options), { message });
    }
    assert.throws(() => new SecureNode('127.0.0.1', 0, { recorder }), {
      message: /^recorder is not for a SecureNode/,
    });
  });
});

suite('peerloom replay', () => {
  test('runs the class of a module over a recording', async (t) => {
    const path = fileIn(t);
    const node = await startRecorded(t, { recorder: { path } });
    await node.stop();
    const module = join(path, '..', 'program.mjs');
    // What the name of the package leads to: the sources in a clone, bundles once it is built.
    const source = new URL('../../dist/bundled/peerloom.js', import.meta.url);
    writeFileSync(
      module,
      `import { Node } from '${source}';\nexport default class extends Node { tellAll() {} }\n`,
    );
    const same = await new Program(t, ['replay', path, module]).ended;
    assert.match(
      same.stdout,
      /^The program does the same as the recorded node: \d+ turns\.\nThe recording ends there: the node has stopped\.\n$/,
    );
    assert.deepEqual([same.code, same.stderr], [0, '']);

    writeFileSync(
      module,
      `import { Node } from '${source}';\nexport default class extends Node { stop() { return Promise.resolve(); } }\n`,
    );
    const other = await new Program(t, ['replay', path, module, '--list']).ended;
    assert.match(
      other.stdout,
      /^1 {2}setup\n2 {2}call 0 "start" \[\]\n {2}transport 0: listen 127\.0\.0\.1:0\n/,
    );
    assert.match(
      other.stdout,
      /The program differs from the recorded node after \d turns:\n {2}input {5}.*\n {2}expected {2}.*\n {2}came {6}.*\n$/,
    );
    assert.equal(other.code, 1);

    writeFileSync(path, 'nothing');
    const damaged = await new Program(t, ['replay', path, module]).ended;
    assert.deepEqual(damaged, {
      code: 1,
      stdout: '',
      stderr: `peerloom: ${path} is not a flight recording of peerloom\n`,
    });
    writeFileSync(module, 'export const nothing = 1;');
    const wrong = await new Program(t, ['replay', path, module]).ended;
    assert.deepEqual([wrong.code, wrong.stderr.split('\n').length], [2, 2]);
  });
});
