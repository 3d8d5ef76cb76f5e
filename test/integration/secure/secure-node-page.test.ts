import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import '../../support/look-over.ts';
import { Page } from '../../support/page.ts';

const page = new Page('docs/secure-node.md');

suite('docs/secure-node.md', () => {
  test('its first program prints what the page says', async (t) => {
    const cwd = page.writeFiles(t);
    const { stdout } = await promisify(execFile)(process.execPath, ['vault.ts'], { cwd, timeout: 60_000 });
    assert.equal(stdout, page.outputOf('vault.ts'));
  });
});
