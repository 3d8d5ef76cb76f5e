import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { base58 } from '@scure/base';
import { Identity, saveIdentity } from '../../src/index.ts';
import '../support/look-over.ts';

const program = fileURLToPath(new URL('../support/programs/debugging-nodes.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'debug-'));
after(() => rmSync(folder, { recursive: true }));

const seed = Uint8Array.from({ length: 32 }, (_, index) => 7 * index + 1);
const passphrase = 'correct horse battery staple';
const networkKey = 'only for us and nobody else';
const message = 'what nobody but bob and alice should read';
const path = join(folder, 'identity.pem');
saveIdentity(Identity.fromSeed(seed), { path, passphrase });

/** What the program prints. */
async function run(debug: boolean, environment: Record<string, string>) {
  const argument = JSON.stringify({ identity: { path, passphrase }, networkKey, message, debug });
  const { DEBUG: _, ...env } = process.env;
  return promisify(execFile)(process.execPath, [program, argument], { env: { ...env, ...environment } });
}

suite('debugging', () => {
  for (const [how, debug, environment] of [
    ['debug: true', true, {}],
    ['DEBUG=peerloom:*', false, { DEBUG: 'peerloom:*', DEBUG_COLORS: 'no' }],
  ] as const) {
    test(`by ${how} tells every step in plain words, on standard error, and no secret`, async () => {
      const { stdout, stderr } = await run(debug, environment);
      assert.equal(stdout, '');
      const { id } = Identity.fromSeed(seed);
      for (const step of [
        `listening on 127.0.0.1 port`,
        `as ${id}`,
        'connecting with 127.0.0.1',
        'connected (outbound) with',
        'connected (inbound) with',
        'refused',
        'no connection with',
        'to alice (…',
        `delivery 1, text, ${message.length} bytes`,
        'confirmation of delivery 1',
        `request 2, text, ${message.length} bytes`,
        'failure of request or delivery 2, text, ',
        'message, cbor, ',
        ' bytes, compressed with zlib',
        'from bob (…',
        'opening of stream 1, text, ',
        'end of stream 1 with alice (…',
        ': 1000 bytes written, 0 bytes received',
        'stopping',
        'disconnected from',
        'stopped',
      ]) {
        assert.ok(stderr.includes(step), `'${step}' is told:\n${stderr}`);
      }
      const buffer = Buffer.from(seed);
      const secrets = {
        'the seed in hexadecimal': buffer.toString('hex'),
        'the seed in base64': buffer.toString('base64').slice(0, 40),
        'the seed in base64url': buffer.toString('base64url').slice(0, 40),
        'the seed in base58': base58.encode(seed),
        'the seed as numbers': seed.join(', '),
        'the passphrase': passphrase,
        'the network key': networkKey,
        'another network key': 'another key',
        'the message': message,
        'a key in PEM': 'PRIVATE KEY',
      };
      for (const [what, secret] of Object.entries(secrets)) {
        assert.ok(!stderr.includes(secret), `${what} is not told:\n${stderr}`);
      }
      for (const line of stderr.trim().split('\n')) {
        assert.match(
          line,
          /(DEBUG \((alice|bob|\w{6})\)|peerloom:\w+ (alice|bob|\w{6})): [\w[]/,
          'each line says who',
        );
        assert.doesNotMatch(line, /undefined|\[object|NaN/);
      }
    });
  }

  test('that is off tells nothing', async () => {
    assert.deepEqual(await run(false, {}), { stdout: '', stderr: '' });
  });
});
