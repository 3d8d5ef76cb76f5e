import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import { compressionCodes } from '../../../src/wire/compression/compression.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { goodbyeCodes } from '../../../src/wire/frames/goodbye.ts';
import { PayloadFormat } from '../../../src/wire/payloads/payload.ts';

const root = resolve(import.meta.dirname, '../../..');
const protocol = readFileSync(join(root, 'docs/protocol.md'), 'utf8');
const clauses = Array.from(protocol.matchAll(/^- \*\*(\d+\.\d+)\*\* /gm), ([, clause]) => clause!);

suite('docs/protocol.md', () => {
  test('its clauses are numbered in order', () => {
    const expected: string[] = [];
    for (const [, line] of protocol.matchAll(/^(## \d+|- \*\*\d+\.)/gm)) {
      const section = /\d+/.exec(line!)![0];
      if (line!.startsWith('##')) continue;
      expected.push(`${section}.${expected.filter((one) => one.startsWith(`${section}.`)).length + 1}`);
    }
    assert.ok(clauses.length > 50);
    assert.deepEqual(clauses, expected);
  });

  test('tests and code cite clauses that exist, and every clause is cited by a test', () => {
    const inTests = new Set<string>();
    for (const path of globSync('{test,src}/**/*.ts', { cwd: root })) {
      for (const clause of citations(path, readFileSync(join(root, path), 'utf8'))) {
        assert.ok(clauses.includes(clause), `${path} cites ${clause}`);
        if (path.startsWith('test')) inTests.add(clause);
      }
    }
    assert.deepEqual(
      clauses.filter((clause) => !inTests.has(clause)),
      [],
    );
  });

  test('the tables are those of the code', () => {
    assert.deepEqual(numbersIn(/^ {2}\| (\d+) \| (\w+) \| .* \| .* \|$/gm), FrameKind);
    const words = protocol.matchAll(/^ {2}\| `(\w+)` \| (.*) \| .* \|$/gm);
    const codes = Array.from(words, ([, code, meaning]) => [code, meaning!.replace(/ \(.*\)$/, '')]);
    assert.deepEqual(
      codes,
      Object.entries({ ...goodbyeCodes, self: 'the link leads to the node itself', protocol: 'a breach' }),
    );
    const formats = Array.from(protocol.matchAll(/^ {2}\| (\d+) \| [^|]+ \| [^|]+ \|$/gm), ([, code]) =>
      Number(code),
    );
    assert.deepEqual(formats, Object.values(PayloadFormat));
    const compressions = /The compressions are (.*?);/.exec(protocol)![1]!;
    for (const [name, code] of Object.entries(compressionCodes)) {
      assert.match(compressions.replaceAll('`', ''), new RegExp(`\\b${code} ${name}\\b`));
    }
  });
});

/** "clause 3.2" anywhere; in the tests that follow the document also names such as '3.2, 3.3 a frame'. */
function citations(path: string, text: string): string[] {
  const named = [...text.matchAll(/\bclauses? (\d+\.\d+)(?:(?:,| and| to) (\d+\.\d+))*/gi)];
  if (path.includes('compliance')) {
    named.push(...text.matchAll(/['"`]((?:\d+\.\d+, )*\d+\.\d+) /g));
  }
  return named.flatMap(([whole]) => whole.match(/\d+\.\d+/g) ?? []);
}

/** The rows of a table whose first column is a number and whose second a name. */
function numbersIn(row: RegExp): Record<string, number> {
  return Object.fromEntries(Array.from(protocol.matchAll(row), ([, number, name]) => [name, Number(number)]));
}
