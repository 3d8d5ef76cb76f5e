import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';
import { errorCodes } from '../../../src/base/errors.ts';
import { goodbyeCodes } from '../../../src/wire/frames/goodbye.ts';

suite('docs/errors.md', () => {
  const text = readFileSync(resolve(import.meta.dirname, '../../../docs/errors.md'), 'utf8');
  const rows = Array.from(text.matchAll(/^\| `(ERR_\w+)` \|(.*)\|$/gm), ([, code, rest]) => ({
    code: code!,
    columns: rest!.split('|').map((column) => column.trim()),
  }));

  test('has every code with its meaning, in the order of the code', () => {
    const meanings = rows.map(({ code, columns }) => [code, columns[0]]);
    assert.deepEqual(meanings, Object.entries(errorCodes));
  });

  test('says of each when it comes and what to do', () => {
    for (const { code, columns } of rows) {
      assert.equal(columns.length, 3, code);
      assert.ok(
        columns.every((column) => column.length > 5),
        code,
      );
    }
  });

  test('has every close reason, that of a broken link first', () => {
    const reasons = Array.from(text.matchAll(/^\| `([a-z]+)` \|/gm), ([, code]) => code);
    assert.deepEqual(reasons, ['lost', ...Object.keys(goodbyeCodes)]);
  });
});
