import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { suite, test } from 'node:test';
import { VirtualRuntime } from '../../../../../src/simulator/virtual-runtime.ts';
import { PlainRequests } from '../../../../../src/transport/tcp/websocket/plain-requests.ts';
import { transportContext } from '../../../../support/links.ts';
import { turns } from '../../../../support/turns.ts';

suite('a request for a page', () => {
  test('that takes longer than a minute ends', async (t) => {
    const runtime = new VirtualRuntime();
    const asked = Promise.withResolvers<void>();
    const requests = new PlainRequests(() => asked.resolve(), { ...transportContext(), runtime });
    const server = createServer((request, response) => requests.answer(request, response));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    socket.on('error', () => {}).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked.promise;
    await runtime.advance(59_999);
    await turns();
    assert.equal(socket.destroyed, false);
    const closed = once(socket, 'close');
    await runtime.advance(1);
    await closed;
  });
});
