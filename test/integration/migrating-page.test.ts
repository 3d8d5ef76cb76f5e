import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { nodeEventNames } from '../../src/api/events.ts';
import { defaultLimits, Node, NodeConnection } from '../../src/index.ts';
import '../support/look-over.ts';
import { Page } from '../support/page.ts';

const page = new Page('docs/migrating.md');
/** What is called by its name here: the second column of each table. */
const ours = Array.from(page.text.matchAll(/^\|[^|]+\|([^|]+)\|$/gm), ([, column]) => column!).join('\n');

suite('docs/migrating.md', () => {
  test('its program prints what the page says', async (t) => {
    const cwd = page.writeFiles(t);
    const { stdout } = await promisify(execFile)(process.execPath, ['migrated.ts'], { cwd, timeout: 60_000 });
    assert.equal(stdout, page.outputOf('migrated.ts'));
  });

  test('names methods and events that exist', () => {
    const calls = [...ours.matchAll(/\b(node|peer)\.(\w+)\(/g)];
    assert.ok(calls.length > 30, `${calls.length} calls`);
    for (const [call, what, name] of calls) {
      const { prototype } = what === 'node' ? Node : NodeConnection;
      assert.ok(name! in prototype, call);
    }
    const events = [...ours.matchAll(/`((?:in|out)bound_node_\w+|node_\w+)`/g)].map(([, name]) => name!);
    for (const name of events) assert.ok((nodeEventNames as readonly string[]).includes(name), name);
  });
});

test('docs/faq.md names limits that exist, with the defaults of the code', () => {
  const text = readFileSync(resolve(import.meta.dirname, '../../docs/faq.md'), 'utf8');
  for (const [, name] of text.matchAll(/limits\.(?!md)(\w+)/g)) assert.ok(name! in defaultLimits, name);
  assert.ok(text.includes(`accepts ${defaultLimits.maxInboundPerAddress} connections from one address`));
  assert.ok(text.includes(`${defaultLimits.maxMessageBytes / 2 ** 20} MiB by default`));
  assert.ok(text.includes(`(${defaultLimits.sessionTimeoutMs / 60_000} minutes)`));
});
