import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { withUdpPort } from '../../../src/libp2p/udp-port.ts';

suite('the port of a listener for WebRTC', () => {
  test('that may be any is one that is free for UDP', async (t) => {
    const text = await withUdpPort('/ip4/127.0.0.1/udp/0/webrtc-direct');
    const port = Number(/^\/ip4\/127\.0\.0\.1\/udp\/(\d+)\/webrtc-direct$/.exec(text)![1]);
    const socket = createSocket('udp4');
    t.after(() => socket.close());
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    assert.ok(port > 0);
  });

  test('that the user chose stays, and so do addresses of other kinds', async () => {
    for (const text of [
      '/ip4/127.0.0.1/udp/10001/webrtc-direct',
      '/ip4/127.0.0.1/tcp/0',
      '/ip4/127.0.0.1/tcp/0/ws',
      '/ip4/127.0.0.1/udp/0/quic-v1',
    ])
      assert.equal(await withUdpPort(text), text);
  });

  test('of an address that this machine does not have fails as any other listener', async () => {
    await assert.rejects(withUdpPort('/ip4/192.0.2.1/udp/0/webrtc-direct'), { code: 'EADDRNOTAVAIL' });
  });
});
