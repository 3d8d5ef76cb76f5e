import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inspect } from 'node:util';
import { startPair } from '../support/start-nodes.ts';

suite('console.log', () => {
  test('of a node shows who it is, where, and whom it is connected with', async (t) => {
    const { a, b, connection } = await startPair(t);
    await connection.deliver('hello');
    const shown = inspect(a);
    assert.match(shown, /^RecordingNode \{/);
    for (const text of [a.id, `127.0.0.1:${a.port}`, "state: 'started'", "outbound: [ 'b' ]", 'sent: 1']) {
      assert.ok(shown.includes(text), `${text} in ${shown}`);
    }
    assert.ok(inspect(b).includes("inbound: [ 'a' ]"));
    await a.stop();
    assert.ok(inspect(a).includes("state: 'stopped'"));
  });

  test('of a connection shows with whom it is and its state', async (t) => {
    const { a, b, connection } = await startPair(t);
    connection.setInfo('nick', 'benny');
    const shown = inspect(connection);
    for (const text of [
      b.id,
      "name: 'b'",
      "direction: 'outbound'",
      "protocol: 'tls'",
      "state: 'open'",
      'benny',
    ]) {
      assert.ok(shown.includes(text), `${text} in ${shown}`);
    }
    assert.doesNotMatch(shown, /closeReason/);
    assert.doesNotMatch(inspect(b.peer(a)), /info/);
    await a.stop();
    assert.match(inspect(connection), /state: 'closed',\n *closeReason: 'the node stopped'/);
  });
});
