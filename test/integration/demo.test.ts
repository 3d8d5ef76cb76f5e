import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fingerprint, tally } from '../../src/cli/demo/ledger.ts';
import type { Data } from '../../src/index.ts';
import { Program, preload, run, terminal } from './cli/program.ts';

const ancestorEvents = [
  'outbound_node_connected',
  'inbound_node_connected',
  'outbound_node_disconnected',
  'inbound_node_disconnected',
  'node_message',
  'node_disconnect_with_outbound_node',
  'node_request_to_stop',
];
const connectionModule = new URL('../../src/api/node-connection.ts', import.meta.url).href;

test('the demo shows all events and every kind of message, loses none, and ends by itself', async (t) => {
  const { code, stdout, stderr } = await run(t, ['demo']);
  assert.equal(code, 0, stdout + stderr);
  assert.equal(stderr, '');
  for (const event of ancestorEvents) assert.match(stdout, new RegExp(`^\\w+ +${event}\\b`, 'm'));
  for (const kind of [/text to ben/, /JSON to all/, /compressed/, /bytes to/, /Float32Array to all/]) {
    assert.match(stdout, new RegExp(`^\\w+ +sends .*${kind.source}`, 'm'));
  }
  assert.match(stdout, /^elsa +node_message +dan +Uint8Array\(4\) \[ 0, 4, 128, 255 \]$/m);
  for (const neighbour of ['ben', 'cleo', 'elsa']) {
    assert.match(stdout, new RegExp(`^${neighbour} +\\w+_node_disconnected +dan +the node stopped$`, 'm'));
  }
  for (const neighbour of ['ada', 'cleo']) {
    assert.match(stdout, new RegExp(`^${neighbour} +\\w+_node_disconnected +elsa +the link `, 'm'));
  }
  const summary = /\n\ndemo: 5 nodes, 8 links, (\d+) messages sent, (\d+) received, 0 lost\n$/.exec(stdout);
  assert.ok(summary, stdout);
  const [, sent, received] = summary.map(Number);
  assert.equal(sent, received);
  const arrivals = stdout.match(/^\w+ +node_message /gm)!;
  assert.equal(arrivals.length, received);
});

/** The first message of one node is lost: the demo waits for it for seconds. */
const thief = preload(`
  import { NodeConnection } from '${connectionModule}';
  const { send } = NodeConnection.prototype;
  let isFirst = process.argv[2] === 'cleo';
  NodeConnection.prototype.send = function (...args) {
    if (!isFirst) return send.apply(this, args);
    isFirst = false;
    return true;
  };`);

test('a lost message is counted and makes the exit code 1', async (t) => {
  const { code, stdout, stderr } = await run(t, ['demo'], thief);
  assert.match(stdout, /\ndemo: 5 nodes, 8 links, 5 messages sent, 4 received, 1 lost\n$/);
  assert.match(stderr, /^peerloom: the demo failed: did not happen within 5 s: every message has arrived\n$/);
  assert.equal(code, 1);
});

test('a changed message is counted as lost', async (t) => {
  const forger = preload(`
    import { NodeConnection } from '${connectionModule}';
    const { send } = NodeConnection.prototype;
    NodeConnection.prototype.send = function (data, options) {
      return send.call(this, data instanceof Float32Array ? data.map((value) => value + 1) : data);
    };`);
  const { code, stdout, stderr } = await run(t, ['demo'], forger);
  assert.match(stdout, /(\d+) messages sent, \1 received, 3 lost\n$/);
  assert.match(stderr, /^peerloom: 3 messages arrived that nobody sent\n$/);
  assert.equal(code, 1);
});

test('Ctrl-C ends the demo and all its processes', async (t) => {
  const program = new Program(t, ['demo'], thief);
  await program.prints(/inbound_node_connected/);
  program.signal('SIGINT');
  // Its processes hold the same output: it ends with the last of them.
  assert.equal((await program.ended).code, 130);
});

test('no process outlives a demo that is killed', async (t) => {
  const program = new Program(t, ['demo'], thief);
  await program.prints(/inbound_node_connected/);
  program.signal('SIGKILL');
  assert.equal((await program.ended).code, null);
});

test('on a terminal the user joins', async (t) => {
  const program = new Program(t, ['demo'], terminal);
  await program.prints(/0 lost\n[\s\S]*> /);
  const [, link] = await program.prints(/Join from a browser, too: (\S+)/);
  assert.match(await (await fetch(link!)).text(), /<title>peerloom chat<\/title>/);
  program.type('hello everybody\r');
  for (const name of ['ada', 'ben', 'cleo']) {
    await program.prints(new RegExp(`${name} +node_message +you +"hello everybody"`));
  }
  await program.prints(/ada: I got your "hello everybody"/);
  program.type('/quit\r');
  const { code, stdout } = await program.ended;
  assert.equal(code, 0);
  for (const name of ['ada', 'ben', 'cleo']) {
    assert.match(stdout, new RegExp(`${name} +inbound_node_disconnected +you +the node stopped`));
  }
});

suite('the ledgers', () => {
  test('count what was sent and received, what is missing, and what nobody sent', () => {
    const ledgers = new Map([
      ['ada', { sent: { ben: ['x', 'x', 'y'], cleo: ['x'] }, received: { ben: ['z'] } }],
      ['ben', { sent: {}, received: { ada: ['y', 'x'] } }],
      ['cleo', { sent: {}, received: { ada: ['x', 'x'] } }],
    ]);
    assert.deepEqual(tally(ledgers), { sent: 4, received: 5, lost: 1, strange: 2 });
  });

  test('tell messages apart by content and type', () => {
    const messages: Data[] = [
      '1',
      1,
      [1],
      { a: 1 },
      Uint8Array.of(1),
      Int8Array.of(1),
      Float32Array.of(1),
      true,
    ];
    const fingerprints = messages.map(fingerprint);
    assert.equal(new Set(fingerprints).size, messages.length);
    assert.deepEqual(structuredClone(messages).map(fingerprint), fingerprints);
  });
});
