import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import { defaultLimits } from '../../../src/limits.ts';
import { defaultOptions } from '../../../src/options.ts';

const root = resolve(import.meta.dirname, '../../..');

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** A row of a table: the name in its first cell, the number that its second one begins with, its last one. */
interface Row {
  readonly name: string;
  readonly source: string | undefined;
  readonly value: number;
  readonly tests: string;
}

suite('docs/limits.md', () => {
  const rows: readonly Row[] = Array.from(
    read('docs/limits.md').matchAll(
      /^\| `(\w+)`(?: in `([^`]+)`)? \| ([\d,]+)[^|]*\|(?:[^|]+\|){2}([^|]+)\|$/gm,
    ),
    ([, name, source, value, tests]) => ({
      name: name!,
      source,
      value: Number(value!.replaceAll(',', '')),
      tests: tests!,
    }),
  );

  test('has every limit with its default', () => {
    const options = rows.filter(({ source }) => source === undefined);
    const documented = Object.fromEntries(options.map(({ name, value }) => [name, value]));
    const { maxConnections } = defaultOptions;
    assert.deepEqual(documented, { ...defaultLimits, maxConnections });
    assert.equal(options.length, Object.keys(documented).length);
  });

  test('gives the fixed bounds as the code has them', () => {
    const fixed = rows.filter(({ source }) => source !== undefined);
    assert.ok(fixed.length >= 15);
    for (const { name, source, value } of fixed) {
      const factors = new RegExp(`const ${name} = ([\\d_ *]+);`).exec(read(source!))?.[1];
      assert.ok(factors, `${name} in ${source}`);
      const product = factors.split('*').reduce((so, factor) => so * Number(factor.replaceAll('_', '')), 1);
      assert.equal(product, value, name);
    }
  });

  test('names for each a test that is there', () => {
    for (const { name, tests } of rows) {
      const named = [...tests.matchAll(/`([\w/-]+): ([^`]+)`/g)];
      assert.ok(named.length > 0, name);
      for (const [, file, title] of named) {
        const path = `test/${file!.includes('/') ? file : `integration/attacks/${file}`}.test.ts`;
        assert.ok(existsSync(join(root, path)), path);
        assert.ok(read(path).includes(title!), `${path} has a test '${title}'`);
      }
    }
  });
});
