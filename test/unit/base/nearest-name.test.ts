import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { didYouMean } from '../../../src/base/nearest-name.ts';
import { Node } from '../../../src/index.ts';

suite('a name that is not known', () => {
  const events = ['node_message', 'node_request', 'node_stream', 'connection_error'];

  for (const [name, meant] of [
    ['mesage', 'node_message'],
    ['message', 'node_message'],
    ['nodeMessage', 'node_message'],
    ['node_reqest', 'node_request'],
    ['connectionError', 'connection_error'],
  ] as const) {
    test(`'${name}' is taken for a slip of '${meant}'`, () => {
      assert.equal(didYouMean(name, events), `; did you mean '${meant}'?`);
    });
  }

  test('gets no hint where nothing is near', () => {
    for (const name of ['', 'data', 'close', 'x'.repeat(100_000)]) assert.equal(didYouMean(name, events), '');
  });

  test('gets its hint from `on` and from options', () => {
    const node = new Node('127.0.0.1', 0);
    assert.throws(() => node.on('mesage' as 'node_message', () => {}), /did you mean 'node_message'\?/);
    assert.throws(() => new Node('127.0.0.1', 0, { netwrok: 'x' } as never), /did you mean 'network'\?/);
  });
});
