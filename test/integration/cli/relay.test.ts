// First: the loggers of libp2p open the standard streams, which no test has left behind then.
import '../../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { internet, libp2p, libp2pDht } from '../../../src/libp2p/index.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { until } from '../../support/turns.ts';
import { Program, run } from './program.ts';

suite('peerloom relay', () => {
  test('carries messages between nodes that cannot be dialled, and ends at SIGTERM', async (t) => {
    const args = ['relay', '--host', '127.0.0.1', '--port', '0', '--dht', 'local'];
    const relay = new Program(t, args, {}, { input: 'ignore' });
    const [, address] = await relay.prints(/^Relay at (\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3\w+)$/m);
    const nodes = ['ada', 'ben'].map((name) => {
      const transport = libp2p(internet({ listen: [], relays: [address!] }));
      const discovery = [libp2pDht(transport, { scope: 'local', seeksNetwork: false })];
      return makeNode(t, { options: { name, transports: [transport], discovery } });
    });
    const [ada, ben] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
    await ada.start();
    await ben.start();
    await until(
      () => ben.addresses.some((text) => text.includes('/p2p-circuit')),
      'ben has a place at the relay',
    );
    const peer = await ada.connectWithNode(ben.id, { retry: true });
    assert.equal(peer.path, 'relayed');
    await peer.deliver('by the relay');
    assert.equal((await ben.event('node_message')).data, 'by the relay');
    await ada.stop();
    await ben.stop();
    relay.signal('SIGTERM');
    assert.equal((await relay.ended).code, 0);
  });

  test('refuses wrong options with one line', async (t) => {
    const { code, stderr } = await run(t, ['relay', '--max-nodes', '0']);
    assert.equal(code, 2);
    assert.match(stderr, /^peerloom: relay\.maxReservations must be .*\n$/);
    const wrong = await run(t, ['relay', '--announce', 'example.org:1']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^peerloom: .*example\.org:1.*\n$/);
  });
});
