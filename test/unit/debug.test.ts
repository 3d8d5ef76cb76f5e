import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import createDebug from 'debug';
import { createLog } from '../../src/debug.ts';

suite('a log', () => {
  test('prints to standard error while it is on, and says who', (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    let isOn = false;
    const log = createLog('node', 'alice', () => isOn);
    log('nobody reads this');
    assert.equal(log.enabled, false);
    isOn = true;
    log('connecting with 127.0.0.1:10001');
    assert.equal(log.enabled, true);
    assert.deepEqual(
      printed.mock.calls.map((call) => call.arguments),
      [['DEBUG (alice): connecting with 127.0.0.1:10001']],
    );
  });

  test('is on by the environment as well, for the parts that it names', (t) => {
    const lines: string[] = [];
    t.mock.method(process.stderr, 'write', (line: string) => lines.push(line));
    createDebug.enable('peerloom:transport');
    t.after(() => createDebug.disable());
    const [node, transport] = ['node', 'transport'].map((part) => createLog(part, 'alice', () => false));
    node!('not this');
    transport!('but this, 100%s sure');
    assert.deepEqual([node!.enabled, transport!.enabled], [false, true]);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /peerloom:transport .*alice: but this, 100%s sure/);
  });

  test('that is on in both ways prints once', (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    const written = t.mock.method(process.stderr, 'write', () => true);
    createDebug.enable('peerloom:*');
    t.after(() => createDebug.disable());
    createLog('node', 'alice', () => true)('hello');
    assert.equal(printed.mock.callCount() + written.mock.callCount(), 1);
  });

  test('shows nothing that could move a cursor', (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    createLog('node', 'alice', () => true)('a\u001b[2Jb\r\nc');
    assert.deepEqual(printed.mock.calls[0]!.arguments, ['DEBUG (alice): a[2Jbc']);
  });
});
