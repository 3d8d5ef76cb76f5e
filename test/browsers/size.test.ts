import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Bundle, bundle } from './bundle.ts';

const kilobyte = 1_000;

/** What a page loads at its start, and what it may load later, compressed by gzip. */
function bytesOf({ files }: Bundle): { readonly atStart: number; readonly later: number } {
  let [atStart, later] = [0, 0];
  for (const { text, isLoadedAtStart } of files) {
    const { length } = gzipSync(text);
    if (isLoadedAtStart) atStart += length;
    else later += length;
  }
  return { atStart, later };
}

suite('a bundle for browsers that imports Node', () => {
  const program = `export { Node } from 'peerloom';`;
  let whole: Bundle;

  before(async () => {
    whole = await bundle(program);
  });

  test('loads at most 110 KB at its start, compressed by gzip, and at most 62 KB later', () => {
    const { atStart, later } = bytesOf(whole);
    assert.ok(atStart <= 110 * kilobyte, `${atStart} bytes`);
    assert.ok(later <= 62 * kilobyte, `${later} bytes`);
  });

  test('loads at most 90 KB at its start without the overlay and discovery', async () => {
    const { atStart } = bytesOf(await bundle(program, /\/src\/(discovery|overlay)\//));
    assert.ok(atStart <= 90 * kilobyte, `${atStart} bytes`);
  });

  test('has what most pages never need in files that are loaded later', () => {
    assert.deepEqual(
      whole.modules.filter(
        (path) =>
          /fflate|@noble\/(ciphers|curves|hashes\/scrypt)|history\/(histories|indexed-db-store|keeper-walks)/.test(
            path,
          ) ||
          /topic-key|state-receiver|explain\/|stored-keys|membership\/membership|dialler|node-lookup/.test(
            path,
          ),
      ),
      [],
    );
  });

  test('holds nothing that only Node.js can use', () => {
    for (const { text } of whole.files) assert.doesNotMatch(text, /['"]node:(net|tls|dns)/);
    assert.deepEqual(
      whole.modules.filter((path) =>
        /^src\/(transport\/tcp|identity\/private-file|wire\/compression\/(bzip2|xz))/.test(path),
      ),
      [],
    );
  });
});
