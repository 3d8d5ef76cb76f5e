import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import '../support/look-over.ts';
import type { CutReport, LinkKind } from '../support/programs/links-to-cut.ts';

const program = fileURLToPath(new URL('../support/programs/links-to-cut.ts', import.meta.url));

/** `npm run test:long -- cuts` cuts at every byte of TLS, too; that takes ten times as long. */
const isEvery = process.env.PEERLOOM_CUT_AT_EVERY_BYTE !== undefined;

/** Each kind of link in a process of its own, which an error that nobody catches would end. */
const kinds: readonly LinkKind[] = [
  'tls',
  'network key',
  'plain',
  'resumed session',
  'p2pnetwork dialler',
  'p2pnetwork listener',
  'p2pnetwork, then tls',
  'websocket',
  'websocket of a page',
];

async function cutLinks(kind: LinkKind): Promise<CutReport> {
  const flags = ['--disable-warning=ExperimentalWarning', program, JSON.stringify({ kind, isEvery })];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  return JSON.parse(stdout);
}

suite('a link that is cut at any byte, from its first to its goodbye', { concurrency: 2 }, () => {
  for (const kind of kinds) {
    test(`${kind}: no error goes uncaught, and each dial ends with an error of ours`, async () => {
      const { planned, cutAt, links, faults } = await cutLinks(kind);
      assert.deepEqual(faults, []);
      assert.ok(planned > 50 && links > planned, `${links} links, to be cut at ${planned} bytes`);
      // A signature of TLS may be some bytes shorter in one link than in another.
      assert.ok(cutAt >= planned - 10, `links were cut at ${cutAt} bytes of ${planned}`);
    });
  }
});
