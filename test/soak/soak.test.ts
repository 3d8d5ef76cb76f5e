import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { type CloseReason, Node, type NodeConnection } from '../../src/index.ts';
import { Ledger } from './ledger.ts';

const script = resolve(import.meta.dirname, '../../scripts/soak.ts');
const run = promisify(execFile);

test('ten nodes live together for a while, and nothing is wrong', async () => {
  const args = [script, '--minutes', '0.1', '--nodes', '10'];
  const { stdout } = await run(process.execPath, args).catch((failed: { stdout: string; stderr: string }) =>
    assert.fail(`${failed.stderr}\n${failed.stdout}`),
  );
  const [, acts, connections, messages] =
    /passed: 0 violations, (\d+) acts, ([\d.]+) connections, (\d+) messages/.exec(stdout)!.map(Number);
  assert.ok(acts! > 50 && connections! > 10 && messages! > 500, stdout);
});

test('arguments that make no sense are refused', async () => {
  for (const args of [
    ['--minutes', '0'],
    ['--nodes', '2'],
    ['--nodes', 'many'],
  ]) {
    await assert.rejects(run(process.execPath, [script, ...args]), { code: 2 });
  }
});

suite('the books of a soak', () => {
  /** Two ends that have talked, and what is found to be wrong with them. */
  function books() {
    const found: string[] = [];
    // In brackets what both sides know of the connection.
    const ledger = new Ledger((violation) => found.push(violation.replace(/ \(.*\)$/, '')));
    const mainNode = new Node('127.0.0.1', 1, { name: 'node' });
    const [ours, theirs] = [0, 1].map(() => {
      const connection = { mainNode, isOpen: true } as { isOpen: boolean; closeReason?: CloseReason };
      const end = ledger.open(connection as NodeConnection);
      end.connects = end.disconnects = 1;
      return { end, connection };
    }) as [Side, Side];
    ours.end.sent = 2;
    ledger.received(theirs.end, ours.end.name, 1);
    ledger.received(theirs.end, ours.end.name, 2);
    return { found, ledger, ours, theirs };
  }

  interface Side {
    readonly end: ReturnType<Ledger['open']>;
    readonly connection: { isOpen: boolean; closeReason?: CloseReason };
  }

  test('that agree have no violation', () => {
    const { found, ledger, theirs } = books();
    ledger.checkOpen();
    theirs.connection.closeReason = { code: 'disconnected', by: 'them', message: '' };
    ledger.checkClosed();
    assert.deepEqual(found, []);
    assert.equal(ledger.violationCount, 0);
  });

  test('show a message that is lost, doubled, or in the wrong place', () => {
    const { found, ledger, ours, theirs } = books();
    ledger.received(theirs.end, ours.end.name, 4);
    ledger.received(theirs.end, ours.end.name, 4);
    assert.deepEqual(found, [
      'node/2 got the message 4 of node/1 after 2',
      'node/2 got the message 4 of node/1 after 4',
    ]);
  });

  test('show what did not arrive before what was confirmed, or when one left in good order', () => {
    const { found, ledger, ours, theirs } = books();
    ours.end.sent = 3;
    ledger.checkOpen();
    assert.deepEqual(found, [], 'it may still be on its way');
    ours.end.isConfirmed = true;
    ledger.checkOpen();
    ours.connection.isOpen = theirs.connection.isOpen = false;
    theirs.connection.closeReason = { code: 'stopped', by: 'them', message: '' };
    ledger.checkClosed();
    assert.deepEqual(found, Array(2).fill('node/2 received 2 of 3 from node/1'));
  });

  test('know that more is lost when a link breaks, or one who leaves does not listen', () => {
    for (const [code, by, hasLeft] of [
      ['lost', 'link', false],
      ['disconnected', 'them', true],
    ] as const) {
      const { found, ledger, ours, theirs } = books();
      ours.end.sent = 3;
      theirs.end.hasLeft = hasLeft;
      theirs.connection.closeReason = { code, by, message: '' };
      ledger.checkClosed();
      assert.deepEqual(found, []);
    }
  });

  test('show what was received and never sent, and an end without its event', () => {
    const { found, ledger, ours, theirs } = books();
    ours.end.sent = 1;
    theirs.end.disconnects = 0;
    ledger.checkClosed();
    assert.deepEqual(found, [
      'node/2 was connected 1 times and disconnected 0 times',
      'node/2 received 2 of 1 from node/1',
    ]);
  });
});
