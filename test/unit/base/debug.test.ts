import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { createLog, matches } from '../../../src/base/debug.ts';

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
    const printed = t.mock.method(console, 'error', () => {});
    setPatterns(t, 'other,peerloom:transport');
    const [node, transport] = ['node', 'transport'].map((part) => createLog(part, 'alice', () => false));
    node!('not this');
    transport!('but this, 100%s sure');
    assert.deepEqual([node!.enabled, transport!.enabled], [false, true]);
    assert.deepEqual(
      printed.mock.calls.map((call) => call.arguments),
      [['peerloom:transport alice: but this, 100%s sure']],
    );
  });

  test('that is on in both ways prints once', (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    setPatterns(t, 'peerloom:*');
    createLog('node', 'alice', () => true)('hello');
    assert.equal(printed.mock.callCount(), 1);
  });

  test('is named by patterns with stars, and excluded by those with a minus', () => {
    for (const [patterns, isNamed] of [
      ['', false],
      ['*', true],
      ['peerloom', false],
      ['peerloom:*', true],
      ['peerloom:n*e', true],
      ['other peerloom:node', true],
      ['peerloom:nodes', false],
      ['peerloom.node', false],
      ['*,-peerloom:node', false],
      ['*,-peerloom:transport', true],
      ['-peerloom:transport', false],
      ['peerloom:(', false],
    ] as const) {
      assert.equal(matches(patterns, 'peerloom:node'), isNamed, patterns);
    }
  });

  test('shows nothing that could move a cursor', (t) => {
    const printed = t.mock.method(console, 'error', () => {});
    createLog('node', 'alice', () => true)('a\u001b[2Jb\r\nc');
    assert.deepEqual(printed.mock.calls[0]!.arguments, ['DEBUG (alice): a[2Jbc']);
  });
});

function setPatterns(t: TestContext, patterns: string): void {
  const { DEBUG } = process.env;
  process.env.DEBUG = patterns;
  t.after(() => {
    if (DEBUG === undefined) delete process.env.DEBUG;
    else process.env.DEBUG = DEBUG;
  });
}
