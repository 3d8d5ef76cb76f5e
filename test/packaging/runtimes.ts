import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Cable } from '../support/cable.ts';
import { isEvery, packed, reasonToSkip } from './packed.ts';
import { PeerProcess } from './peer-process.ts';
import { programOf, type RuntimeProgram } from './runtime-programs.ts';

const runtimes: Record<string, () => RuntimeProgram> = {
  [`Node.js ${process.versions.node}`]: () => ({ command: process.execPath, args: [] }),
  'Node.js 22.18': () => programOf('node22'),
  'Node.js 22.23': () => programOf('node22newest'),
  'Node.js 26': () => programOf('node26'),
  Deno: () => programOf('deno'),
  Bun: () => programOf('bun'),
};
const names = Object.keys(runtimes);

/** Each with itself and with this Node.js, and Deno with Bun. */
const pairs = names
  .flatMap((dialler) => names.map((listener) => [dialler, listener] as const))
  .filter(
    ([dialler, listener]) =>
      isEvery ||
      dialler === listener ||
      [dialler, listener].every((name) => !/22|26/.test(name)) ||
      [dialler, listener].includes(names[0]!),
  );

/** Supported runtimes talk with each other, and with themselves, over TLS. */
suite('runtimes', { skip: await reasonToSkip('runtimes'), timeout: 240_000 }, () => {
  const peers = new Map<string, { peer: PeerProcess; port: number; webPort: number }>();
  const peer = (name: string): PeerProcess => peers.get(name)!.peer;

  before(async () => {
    const { project } = await packed();
    for (const name of names) peers.set(name, await PeerProcess.start(project, runtimes[name]!()));
  });

  after(() => {
    for (const { peer } of peers.values()) peer.kill();
  });

  for (const [dialler, listener] of pairs) {
    test(`${dialler} dials ${listener}: data, a request, a stream, and a cut link`, async (t) => {
      const cable = await Cable.to(peers.get(listener)!.port);
      t.after(() => cable.close());
      assert.deepEqual(await peer(dialler).ask('talk', { port: cable.port }), {
        array: true,
        stream: true,
        response: [2, 4, 6],
        broadcast: { back: 'to the holders of the key' },
        security: 'tls',
      });
      assert.equal(cable.links, 1);
      cable.cut();
      assert.deepEqual(await peer(dialler).ask('resume'), {
        numbers: Array.from({ length: 20 }, (_, at) => at),
        events: ['outbound_node_connected', 'outbound_node_disconnected', 'outbound_node_connected'],
      });
      assert.equal(cable.links, 2);
    });
  }

  for (const [dialler, listener] of pairs) {
    test(`${dialler} dials ${listener} by a WebSocket, with a network key`, async () => {
      const port = peers.get(listener)!.webPort;
      assert.deepEqual(await peer(dialler).ask('webSocket', { port }), {
        stream: true,
        response: [2, 4, 6],
        security: 'websocket',
      });
    });
  }

  for (const name of names) {
    test(`${name}: TLS and plain TCP on a port that Python nodes share`, async () => {
      assert.deepEqual(await peer(name).ask('sharedPort'), ['tls', 'tcp', 'tls']);
    });

    test(`${name}: files of an identity and of a vault`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'peerloom-files-'));
      t.after(() => rm(folder, { recursive: true }));
      assert.deepEqual(await peer(name).ask('files', { folder }), { isSameId: true, item: 'rain' });
    });

    test(`${name}: a replica of a vault keeps what its owner has put`, async () => {
      assert.equal(await peer(name).ask('vault'), 'rain');
    });
  }

  test('a simulated run is the same on all of them, event for event', async () => {
    const digests = await Promise.all(names.map((name) => peer(name).ask('simulate')));
    assert.match(`${digests[0]}`, /^[0-9a-f]{16}$/);
    assert.deepEqual(
      new Set(digests),
      new Set([digests[0]]),
      `${names.map((name, at) => `${name}: ${digests[at]}`)}`,
    );
  });

  for (const name of names.filter((name) => name.startsWith('Node.js'))) {
    test(`${name}: a network key`, async () => {
      assert.equal(await peer(name).ask('networkKey'), 'tls');
    });
  }

  for (const name of ['Deno', 'Bun']) {
    test(`${name}: says that it cannot use a network key, and does not blame the peer`, async () => {
      await assert.rejects(peer(name).ask('networkKey'), {
        code: 'ERR_TRANSPORT_UNAVAILABLE',
        message: new RegExp(
          `networkKey needs TLS with a pre-shared key, which ${name} [\\d.]+ does not have: `,
        ),
      });
    });
  }
});
