import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import type { WebSocket } from 'ws';
import { webSocket } from '../../../../../src/index.ts';
import { VirtualRuntime } from '../../../../../src/simulator/virtual-runtime.ts';
import { WsSocket } from '../../../../../src/transport/tcp/websocket/ws-socket.ts';
import { opcodes, SecondWebSocket } from '../../../../compliance/protocol/second-web-socket.ts';
import { startNodes } from '../../../../support/start-nodes.ts';
import { turn, until } from '../../../../support/turns.ts';

suite('a frame of a WebSocket', () => {
  test('in so many pieces of TCP is given up', async (t) => {
    const [node] = await startNodes(t, 1, { options: { transports: [webSocket()] } });
    const { carrier, closed } = await SecondWebSocket.open(node.port);
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    // The head of a frame of 4,096 bytes, which then comes byte by byte.
    carrier.write(Buffer.from([0x80 | opcodes.binary, 0x80 | 126, 0x10, 0, 0, 0, 0, 0]));
    let sent = 0;
    for (; sent < 4_000 && !isClosed; sent++) {
      const flushed = Promise.withResolvers<void>();
      carrier.write(Uint8Array.of(1), () => flushed.resolve());
      await flushed.promise;
      // The node reads it before the next one comes: otherwise they would arrive as one piece.
      await turn();
    }
    await until(() => isClosed, 'the node ends the connection');
    assert.ok(sent >= 1_000 && sent < 4_000, `after ${sent} bytes`);
  });
});

suite('a message that a WebSocket sends', () => {
  test('is done with when the carrier has it, and never when that failed', () => {
    const callbacks: ((error?: Error) => void)[] = [];
    const webSocket = Object.assign(new EventEmitter(), {
      readyState: 1,
      OPEN: 1,
      send: (_message: Uint8Array, callback: (error?: Error) => void) => callbacks.push(callback),
    });
    const carrier = new EventEmitter() as Socket;
    const socket = new WsSocket(webSocket as unknown as WebSocket, carrier, new VirtualRuntime());
    const done: string[] = [];
    socket.send(new Uint8Array(1), () => done.push('first'));
    socket.send(new Uint8Array(1), () => done.push('second'));
    assert.deepEqual(done, []);
    callbacks[0]!();
    callbacks[1]!(new Error('destroyed'));
    assert.deepEqual(done, ['first']);
  });
});
