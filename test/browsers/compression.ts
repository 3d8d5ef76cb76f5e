import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';
import { inBrowsers } from './browsers.ts';

inBrowsers('zlib', (browser) => {
  test('is read by Node.js, and what Node.js wrote is read, if it is whole and not too large', async () => {
    const page = await browser().open('compression.ts');
    const plain = Buffer.from('a sentence that comes again, and again; '.repeat(2_000));
    const compressed = deflateSync(plain);
    const decompress = (bytes: Uint8Array, maxBytes: number) =>
      page.call<string>('decompress', Buffer.from(bytes).toString('base64'), maxBytes);

    const byPage = await page.call<string>('compress', plain.toString('base64'));
    assert.ok(inflateSync(Buffer.from(byPage, 'base64')).equals(plain));
    assert.equal(await decompress(compressed, plain.length), plain.toString('base64'));
    const refused: Record<string, [bytes: Uint8Array, maxBytes: number]> = {
      'too large': [compressed, plain.length - 1],
      'a bomb': [deflateSync(Buffer.alloc(2 ** 25)), 1_000_000],
      cut: [compressed.subarray(0, -1), plain.length],
      'followed by more': [Buffer.concat([compressed, Buffer.of(0)]), plain.length],
      'twice in a row': [Buffer.concat([compressed, compressed]), 2 * plain.length],
      damaged: [Buffer.concat([compressed.subarray(0, -1), Buffer.of(1)]), plain.length],
      'not zlib': [plain, plain.length],
      empty: [Buffer.alloc(0), plain.length],
    };
    for (const [what, [bytes, maxBytes]] of Object.entries(refused)) {
      assert.match(await decompress(bytes, maxBytes), /^failed: /, what);
    }
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});
