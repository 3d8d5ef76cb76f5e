import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TcpOptions, tcp } from '../../../../src/index.ts';

test('what tcp() cannot be made of is refused with the rule and the value', () => {
  const wrong: [unknown, string][] = [
    [
      { acept: ['tls'] },
      "acept is not an option; did you mean 'accept'? The options are accept, listen, webSocket",
    ],
    [5, 'options must be an object, not 5'],
    [null, 'options must be an object, not null'],
    [['plain'], 'options must be an object, not a list'],
    [{ accept: 'tls' }, "tcp({ accept }) must be a list such as ['tls'], not 'tls'"],
    [{ accept: [] }, "tcp({ accept }) must not be empty: leave it out for ['tls']"],
    [
      { accept: ['tls', 'http'] },
      "tcp({ accept }) must hold only tls, plain, p2pnetwork, websocket, not 'http'",
    ],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => tcp(options as TcpOptions), new TypeError(message));
  }
});
