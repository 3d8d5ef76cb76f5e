import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bundle } from './bundle.ts';

const kilobyte = 1_000;

suite('a bundle for browsers that imports Node', () => {
  const program = `export { Node } from 'peerloom';`;

  test('has at most 144 KB compressed by gzip', async () => {
    const { text } = await bundle(program);
    assert.ok(gzipSync(text).length <= 144 * kilobyte, `${gzipSync(text).length} bytes`);
  });

  test('has at most 108 KB without the overlay and discovery', async () => {
    const { text } = await bundle(program, /\/src\/(discovery|overlay)\//);
    assert.ok(gzipSync(text).length <= 108 * kilobyte, `${gzipSync(text).length} bytes`);
  });

  test('holds nothing that only Node.js can use', async () => {
    const { text, modules } = await bundle(program);
    assert.doesNotMatch(text, /['"]node:(net|tls|dns)/);
    assert.deepEqual(
      modules.filter((path) =>
        /^src\/(transport\/tcp|identity\/private-file|wire\/compression\/(bzip2|xz))/.test(path),
      ),
      [],
    );
  });
});
