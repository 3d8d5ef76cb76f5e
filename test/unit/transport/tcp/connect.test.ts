import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { resolveLimits } from '../../../../src/base/limits.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';
import { openSocket } from '../../../../src/transport/tcp/connect.ts';
import { HostLookup } from '../../../../src/transport/tcp/host-lookup.ts';
import { until } from '../../../support/turns.ts';

const limits = resolveLimits();

/** A host with a silent IPv6 address and an IPv4 address where somebody listens, or nobody any more. */
async function setUp(t: TestContext, isListening = true) {
  const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = (): void => void server.close();
  if (isListening) t.after(close);
  else close();
  const runtime = new VirtualRuntime();
  const silent: Socket[] = [];
  const lookup = new HostLookup(async () => [
    { address: '2001:db8::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]);
  const dial = (address: string, port: number): Socket => {
    if (address === '127.0.0.1') return connect(port, address).on('error', () => {});
    const socket = new Socket().on('error', () => {});
    silent.push(socket);
    return socket;
  };
  const controller = new AbortController();
  const address = { scheme: undefined, host: 'name', port };
  const opening = openSocket(address, { limits, runtime }, controller.signal, { lookup, dial });
  opening.catch(() => {});
  return { runtime, silent, opening, controller };
}

test('a host whose first address is silent is reached by the next one after 250 ms', async (t) => {
  const { runtime, silent, opening } = await setUp(t);
  await runtime.advance(249);
  assert.equal(silent.length, 1);
  await runtime.advance(1);
  const socket = await opening;
  assert.equal(socket.remoteAddress, '127.0.0.1');
  assert.equal(silent[0]!.destroyed, true, 'the other attempt has ended');
  assert.deepEqual(runtime.pending, []);
  socket.destroy();
});

test('an address that does not answer is given up after dialAddressTimeoutMs, as all of them may be', async (t) => {
  const { runtime, silent, opening } = await setUp(t, false);
  const refused = assert.rejects(opening, { code: 'ECONNREFUSED' }, 'the last address says why');
  await runtime.advance(limits.dialAddressTimeoutMs);
  await until(() => silent[0]!.destroyed, 'the silent address is given up');
  await refused;
});

test('who gives up leaves no attempt behind', async (t) => {
  const { runtime, silent, opening, controller } = await setUp(t);
  await runtime.advance(0);
  controller.abort(new Error('given up'));
  await assert.rejects(opening, /given up/);
  assert.equal(silent[0]!.destroyed, true);
  assert.deepEqual(runtime.pending, []);
});
