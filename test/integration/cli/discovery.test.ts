import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Program, startNode } from './program.ts';

test('a node finds its network through another one, and remembers it in a file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cli-discovery-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'peers.db');
  const seed = await startNode(t, ['--bootstrap', '127.0.0.1:1']);
  const args = ['--bootstrap', seed.address, '--peer-store', path];
  const node = await startNode(t, args);
  const { peer } = await node.program.event('outbound_node_connected');
  assert.equal((peer as { id: string }).id, seed.id);
  assert.ok(existsSync(path));
  node.program.endInput();
  assert.equal((await node.program.ended).code, 0);
  const again = await startNode(t, ['--peer-store', path]);
  const found = await again.program.event('node_discovered');
  assert.equal((found.data as { id: string }).id, seed.id);
  await again.program.event('outbound_node_connected');
});

test('a wrong address or file ends the program with one line', async (t) => {
  const wrong = new Program(t, ['node', '--bootstrap', 'nowhere']);
  assert.deepEqual(await wrong.ended.then(({ code }) => code), 2);
  const folder = mkdtempSync(join(tmpdir(), 'cli-discovery-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'peers.db');
  writeFileSync(path, 'something else'.repeat(100));
  const damaged = new Program(t, ['node', '--peer-store', path]);
  const { code, stderr } = await damaged.ended;
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^peerloom: the peer store .* cannot be used: it is damaged or not an SQLite file.*\n$/,
  );
});
