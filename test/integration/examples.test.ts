import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import '../support/look-over.ts';
import { Program } from './cli/program.ts';

interface Output {
  readonly lines: readonly string[];
  /** Lines of different nodes that may come in either order are sorted. */
  readonly anyOrder?: true;
  /** Default 64. */
  readonly mostLines?: number;
}

/** What each example prints. */
const outputs: Record<string, Output> = {
  'averaging.ts': {
    mostLines: 60,
    lines: [1.5, 2.25, 2.625].map((mean, index) => `round ${index + 1}: 3 workers, 1000 weights of ${mean}`),
  },
  'broadcast.ts': {
    anyOrder: true,
    lines: [
      'Berlin heard "good morning" (hops: 1)',
      'Cairo heard "good morning" (hops: 2)',
      'Cairo heard {"sky":"clear"} about weather (hops: 2)',
      'Delhi heard "good morning" (hops: 3)',
      'Edo heard "good morning" (hops: 4)',
    ],
  },
  'callback.ts': {
    anyOrder: true,
    lines: [
      'first: connection_error: nothing listens at 127.0.0.1:PORT: start that node first, or check the port',
      'first: node_disconnect_with_outbound_node (second)',
      'first: node_request_to_stop',
      'first: outbound_node_connected (second)',
      'first: outbound_node_disconnected (second)',
      'second: inbound_node_connected (first)',
      'second: inbound_node_disconnected (first)',
      'second: node_message (first): "a message"',
      'second: node_request_to_stop',
    ],
  },
  'chain.ts': {
    mostLines: 75,
    lines: [
      'cut in two: ada pays ben 5, ben pays ada 2',
      'cut in two: ada pays ben 5, dave pays cleo 1, cleo pays dave 3',
      'whole again: ada pays ben 5, dave pays cleo 1, cleo pays dave 3',
    ],
  },
  'compression.ts': {
    anyOrder: true,
    lines: [
      'reader: from writer, word for word',
      'reader: from writer, word for word',
      'reader: from writer, word for word',
      'reader: from writer, word for word',
      'reader: from writer, word for word',
      'reader: from writer, word for word',
      'second reader: from writer, word for word',
      'second reader: from writer, word for word',
      'writer: sends to all',
      'writer: sends with brotli',
      'writer: sends with none',
      'writer: sends with zlib',
      'writer: sends with zstd',
    ],
  },
  'discovery.ts': { lines: ['ada is connected with cleo', 'cleo heard: hello, everybody'] },
  'dictionaries.ts': {
    anyOrder: true,
    lines: [
      'anna: the result is { apples: 2, pears: 1 }',
      'boris: the result is { apples: 2, pears: 1 }',
      'clara: the result is { apples: 2, pears: 1 }',
      'office: anna is for apples, because they are ripe and they are near',
      'office: boris is for pears, because they are ripe and they are near',
      'office: clara is for apples, because they are ripe and they are near',
    ],
  },
  'file-transfer.ts': {
    mostLines: 65,
    lines: [
      'receiver: holiday.mp4, from byte N',
      'sender: ERR_CONNECTION_CLOSED',
      'receiver: holiday.mp4, from byte N',
      'receiver: holiday.mp4 arrived unchanged',
    ],
  },
  'history.ts': { lines: ['Bob hears: hello', 'Cem catches up: hello', 'Cem hears: welcome'] },
  'jobs.ts': {
    mostLines: 60,
    lines: ['boss: without cleo from here on: ERR_CONNECTION_CLOSED', 'boss: 5133 primes below 50000'],
  },
  'metrics.ts': {
    lines: [
      'ERR_NETWORK_MISMATCH',
      'peerloom_messages_sent_total 0',
      'peerloom_messages_received_total 1',
      'peerloom_sent_bytes_total N',
      'peerloom_received_bytes_total N',
      'peerloom_queued_bytes 0',
      'peerloom_connections 1',
      'peerloom_handshakes_failed_total{code="ERR_NETWORK_MISMATCH"} 1',
    ],
  },
  'overlay.ts': { lines: ['4 to 5 neighbours each', '14 of 14 others heard it'] },
  'internet.ts': {
    anyOrder: true,
    lines: [
      'alice: connected with bob, relayed',
      'bob: alice has connected, relayed',
      'bob: alice says "hello from behind a router"',
    ],
  },
  'own-connection.ts': {
    anyOrder: true,
    lines: [
      'The guest said 2 lines.',
      'guest: house: Welcome, guest! (line 1)',
      'house: guest in room 1: Good evening. (line 1)',
      'house: guest in room 1: What a view! (line 2)',
    ],
  },
  'own-transport.ts': {
    lines: [
      'the cellar listens at local://cellar:1',
      'the link: {"protocol":"local","encrypted":false,"authenticated":true}',
      'two bottles for the kitchen',
    ],
  },
  'presence.ts': {
    mostLines: 65,
    lines: [
      '1 of 3 others are here',
      '2 of 3 others are here',
      '3 of 3 others are here',
      'ben is busy',
      'cleo is away',
      'dave is gone',
    ],
  },
  'reconnect.ts': {
    mostLines: 80,
    lines: [
      'connected with server',
      'disconnected: the link ended without a goodbye',
      'connected with server again',
      'server: one',
      'disconnected: the node stopped',
      '1 not acknowledged: two',
      'connected with restarted server',
      'restarted server: two',
      'disconnected: the node stopped',
    ],
  },
  'request.ts': {
    lines: [
      'sum: 6',
      'sort: Float64Array(3) [ 1, 2, 3 ]',
      'ponder: ERR_TIMEOUT',
      'calculator: no operation guess',
      'guess: ERR_HANDLER',
    ],
  },
  'secure-node.ts': {
    lines: [
      'bob: alice wrote "hello, everybody", alice brought it',
      'carol: alice wrote "hello, everybody", bob brought it',
      'carol: alice wrote {"secret":42}, bob brought it',
      'alice: there are 3 nodes and 2 links',
      'alice: carol is near',
    ],
  },
  'rumour.ts': {
    lines: [
      '499 of 500 nodes heard the rumour, over at most 20 connections',
      'the largest part of the network has 499 nodes; 1480 messages were sent',
    ],
  },
  'shared-diary.ts': {
    lines: [
      'bob reads nothing: ERR_NOT_PERMITTED',
      'alice grants it to bob and carol',
      'bob reads: rain',
      'carol reads: rain',
      'alice revokes it from carol, writes on, and goes offline',
      'bob reads: sun',
      'carol reads nothing: ERR_NOT_PERMITTED',
      'replica reads nothing: ERR_NOT_PERMITTED',
    ],
  },
  'tensors.ts': {
    lines: [
      'ben: ada offers 2 tensors, 16800004 bytes, {"examples":600}',
      'ada: ben offers 2 tensors, 16800004 bytes, {"examples":900}',
      'ben: the weights 1.5,9,1.5',
      'both have the same weights',
    ],
  },
  'two-nodes.ts': {
    lines: [
      'bob: alice has connected',
      'bob: alice says hello',
      'alice: bob says { round: 1, weights: Float32Array(2) [ 0.5, 0.25 ] }',
    ],
  },
};

const folder = resolve(import.meta.dirname, '../../examples');
const fromSource = new URL('../support/peerloom-from-source.ts', import.meta.url).href;
const readme = readFileSync(join(folder, '../README.md'), 'utf8');

suite('examples', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));

  test('all are here', () => {
    assert.deepEqual(names.sort(), ['chat.ts', ...Object.keys(outputs)].sort());
  });

  test('chat.ts carries lines between six processes, and late joiners catch up', async (t) => {
    const start = (nick: string, ...addresses: string[]) =>
      new Program(
        t,
        [nick, '0', ...addresses],
        { NODE_OPTIONS: `--import=${fromSource}` },
        { script: join(folder, 'chat.ts'), cwd: folder },
      );
    const ada = start('ada');
    const address = `127.0.0.1:${(await ada.prints(/listening on port (\d+)/))[1]}`;
    const [ben, ...others] = ['ben', 'cleo', 'dave', 'eve'].map((nick) => start(nick, address)) as [Program];
    for (const nick of ['ben', 'cleo', 'dave', 'eve'])
      await ada.prints(new RegExp(`^${nick}: \\* is here$`, 'm'));
    ben.type('hello\n');
    for (const program of [ada, ...others]) await program.prints(/^ben: hello$/m);
    ben.endInput();
    assert.equal((await ben.ended).code, 0);
    const finn = start('finn', address);
    await finn.prints(/^ben: hello$/m);
    finn.type('/who\n');
    await finn.prints(/^\* ada, ben, cleo, dave, eve, finn$/m);
    for (const program of [ada, ...others]) await program.prints(/^finn: \* is here$/m);
  });

  for (const name of Object.keys(outputs)) {
    test(`${name} prints what it should`, async () => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [
        '--import',
        fromSource,
        join(folder, name),
      ]);
      const lines = stdout
        .trimEnd()
        .replace(/:\d{4,5}\b/g, ':PORT')
        .replace(/byte \d+/g, 'byte N')
        .replace(/(bytes_total) \d+/g, '$1 N')
        .split('\n');
      const { lines: expected, anyOrder } = outputs[name]!;
      assert.deepEqual(anyOrder ? lines.sort() : lines, expected);
      assert.equal(stderr, '');
    });
  }

  for (const name of names) {
    test(`${name} says how to run it`, () => {
      const text = readFileSync(join(folder, name), 'utf8');
      assert.match(text, new RegExp(`^// .*(\n// .*)*\n// Run it: node examples/${name}( ada 10001)?\n`));
      const { mostLines = 64 } = outputs[name] ?? { mostLines: 40 };
      assert.ok(text.trimEnd().split('\n').length <= mostLines, 'it is short');
    });
  }

  for (const [page, name] of [
    ['README.md', 'two-nodes.ts'],
    ['docs/reconnect.md', 'reconnect.ts'],
  ] as const) {
    test(`the program of ${page} is ${name}, and prints what the page says`, () => {
      const text = readFileSync(join(folder, '..', page), 'utf8');
      const [, program, output] = /```ts\n((?:(?!```).)*)```\n\n```text\n(.*?)```/s.exec(text)!;
      const example = readFileSync(join(folder, name), 'utf8').replace(/^\/\/ .*\n\/\/ Run it.*\n/, '');
      assert.equal(program, example);
      assert.deepEqual(output!.trimEnd().split('\n'), outputs[name]!.lines);
    });
  }

  test('run in a clone on its sources, and on what was built where it was', async (t) => {
    const clone = mkdtempSync(join(tmpdir(), 'clone-'));
    t.after(() => rmSync(clone, { recursive: true }));
    const root = join(folder, '..');
    for (const name of ['package.json', 'scripts', 'examples']) {
      cpSync(join(root, name), join(clone, name), { recursive: true });
    }
    for (const name of ['src', 'node_modules']) symlinkSync(join(root, name), join(clone, name), 'junction');
    const runInClone = async (path: string) => {
      const { stdout } = await promisify(execFile)(process.execPath, [path], { cwd: clone });
      return stdout;
    };
    await runInClone('scripts/link-sources.js');
    assert.match(await runInClone('examples/two-nodes.ts'), /^bob: alice has connected\n/);
    assert.match(await runInClone('examples/secure-node.ts'), /^bob: alice wrote/);
    writeFileSync(
      join(clone, 'dist/bundled/peerloom.js'),
      'console.log("built"); process.exit(); export const Node = null;',
    );
    await runInClone('scripts/link-sources.js');
    assert.equal(await runInClone('examples/two-nodes.ts'), 'built\n');
  });

  test('the README lists the examples', () => {
    for (const name of names) assert.ok(readme.includes(`(examples/${name})`), name);
  });
});
