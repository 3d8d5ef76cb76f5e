import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import { defaultOptions } from '../../../src/api/options.ts';
import { defaultLimits } from '../../../src/base/limits.ts';

const root = resolve(import.meta.dirname, '../../..');
const limits = read('docs/limits.md');
const attacks = read('docs/attacks.md');

const options: readonly string[] = [...Object.keys(defaultLimits), 'maxConnections'];

/** The rows of docs/attacks.md: an option, or a constant with its file and its value, and the tests that attack it. */
const optionRows = Array.from(attacks.matchAll(/^\| `(\w+)` \|[^|]+\|([^|]+)\|$/gm), ([, name, tests]) => ({
  name: name!,
  tests: tests!,
}));
const fixedRows = Array.from(
  attacks.matchAll(/^\| `(\w+)` in `([^`]+)` \| ([\d,]+)[^|]*\|(?:[^|]+\|){2}([^|]+)\|$/gm),
  ([, name, source, value, tests]) => ({
    name: name!,
    source: source!,
    value: numberIn(value!),
    tests: tests!,
  }),
);

suite('docs/limits.md', () => {
  test('has every limit with its default', () => {
    const rows = Array.from(limits.matchAll(/^\| `(\w+)` \| ([\d,]+)/gm), ([, name, value]) => [
      name!,
      numberIn(value!),
    ]);
    const { maxConnections } = defaultOptions;
    assert.deepEqual(Object.fromEntries(rows), { ...defaultLimits, maxConnections });
    assert.equal(rows.length, options.length);
  });

  test('gives each fixed limit as docs/attacks.md does', () => {
    const section = sectionOf(limits, 'Fixed limits');
    const rows = Array.from(
      section.matchAll(/^\|[^|]+\| (?:(2\^\d+)|([\d,]+))[^|]*\|[^|]+\| `(\w+)`(?: in `([^`]+)`)? \|$/gm),
      ([, power, value, name, source]) => ({ name, source, power, value: power ?? numberIn(value!) }),
    );
    assert.ok(rows.length >= 15);
    assert.equal(rows.length, section.match(/^\| /gm)!.length - 1, 'every row but the head of the table');
    for (const { name, source, value } of rows) {
      const bounds = fixedRows.filter(
        (row) => row.name === name && (source === undefined || row.source === source),
      );
      assert.equal(bounds.length, 1, `${name} is one bound of docs/attacks.md`);
      const [bound] = bounds;
      assert.equal(typeof value === 'string' ? `2^${bound!.value}` : bound!.value, value, name);
    }
  });
});

suite('docs/attacks.md', () => {
  test('has every limit', () => {
    assert.deepEqual(optionRows.map(({ name }) => name).sort(), options.toSorted());
  });

  test('gives the fixed bounds as the code has them', () => {
    assert.ok(fixedRows.length >= 50);
    assert.equal(fixedRows.length, attacks.match(/^\| `\w+` in /gm)!.length);
    for (const { name, source, value } of fixedRows) {
      const factors = new RegExp(`const ${name} = ([\\d_ *]+);`).exec(read(source))?.[1];
      assert.ok(factors, `${name} in ${source}`);
      const product = factors.split('*').reduce((so, factor) => so * Number(factor.replaceAll('_', '')), 1);
      assert.equal(product, value, name);
    }
  });

  test('names for each a test that is there', () => {
    for (const { name, tests } of [...optionRows, ...fixedRows]) {
      const named = [...tests.matchAll(/`([\w./-]+): ([^`]+)`/g)];
      assert.ok(named.length > 0, name);
      for (const [, file, title] of named) {
        const path = `test/${file!.includes('/') ? file : `integration/attacks/${file}`}.test.ts`;
        assert.ok(existsSync(join(root, path)), path);
        assert.ok(read(path).includes(title!), `${path} has a test '${title}'`);
      }
    }
  });
});

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function sectionOf(text: string, title: string): string {
  return new RegExp(`^## ${title}\n(.*?)^## `, 'ms').exec(text)![1]!;
}

/** '8,192' as a number. */
function numberIn(text: string): number {
  return Number(text.replaceAll(',', ''));
}
