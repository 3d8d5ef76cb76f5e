import assert from 'node:assert/strict';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import type { AddressInfo, Server, Socket } from 'node:net';
import { basename, resolve } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { dialSocket, socketListener, tlsClient, tlsServer } from '../../../../src/transport/tcp/sockets.ts';

const folder = resolve(import.meta.dirname, '../../../../src');

async function pair(t: TestContext): Promise<{ server: Server; dialled: Socket; accepted: Socket }> {
  const arrival = Promise.withResolvers<Socket>();
  const server = socketListener(arrival.resolve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dialled = dialSocket('127.0.0.1', (server.address() as AddressInfo).port);
  const accepted = await arrival.promise;
  t.after(() => {
    for (const socket of [dialled, accepted]) socket.destroy();
    server.close();
  });
  return { server, dialled, accepted };
}

suite('sockets', () => {
  test('have an error listener from the moment they are made', async (t) => {
    const { server, dialled, accepted } = await pair(t);
    const all = [server, dialled, accepted, tlsClient(dialled, {}), tlsServer(accepted, {})];
    for (const one of all) assert.equal(one.listenerCount('error') > 0, true, one.constructor.name);
    const failure = new Error('of the system');
    for (const one of all) assert.equal(one.emit('error', failure), true);
  });

  test('are made in one file alone', () => {
    const makers =
      /import (?!type)[^;]*\b(connect|createConnection|createServer|Socket|Server|TLSSocket)\b[^;]*from 'node:(net|tls)'/;
    const files = globSync('**/*.ts', { cwd: folder }).filter((file) => {
      const imports = readFileSync(resolve(folder, file), 'utf8').replaceAll(/\btype \w+,? ?/g, '');
      return makers.test(imports);
    });
    assert.deepEqual(
      files.map((file) => basename(file)),
      ['sockets.ts'],
    );
  });
});
