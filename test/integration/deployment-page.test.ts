import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { defaultLimits } from '../../src/index.ts';
import '../support/look-over.ts';
import { Page } from '../support/page.ts';

const page = new Page('docs/deployment.md');

suite('docs/deployment.md', () => {
  test('its service starts, and ends at SIGTERM with code 0', async (t) => {
    const folder = page.writeFiles(t);
    const env = { ...process.env, PORT: '0', KEY_FILE: join(folder, 'node.pem') };
    const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
      const program = execFile(
        process.execPath,
        [join(folder, 'service.ts')],
        { env, timeout: 60_000 },
        (error, text) => resolve({ code: error?.code ?? error?.signal ?? 0, stdout: text }),
      );
      program.stdout!.once('data', () => program.kill('SIGTERM'));
    });
    assert.equal(code, 0);
    assert.match(stdout, /^12D3\w+: this node itself\n {2}address: listens on all IPv4 addresses/);
  });

  test('names the limits of the code', () => {
    const { maxInboundPerAddress, inboundPerSecondPerAddress, memoryBudgetBytes } = defaultLimits;
    assert.ok(page.text.includes(`**${maxInboundPerAddress} connections from one address**`));
    assert.ok(page.text.includes(`and ${inboundPerSecondPerAddress} new ones in a second`));
    assert.ok(page.text.includes(`${memoryBudgetBytes / 2 ** 20} MiB`));
    for (const [, name] of page.text.matchAll(/limits\.(?!md)(\w+)/g))
      assert.ok(name! in defaultLimits, name);
  });
});
