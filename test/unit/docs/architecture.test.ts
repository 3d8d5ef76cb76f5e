import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { suite, test } from 'node:test';

suite('ARCHITECTURE.md', () => {
  const root = resolve(import.meta.dirname, '../../..');
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const lines = text.split('\n');
  const codeIn = (line: string): string[] => Array.from(line.matchAll(/`([^`]+)`/g), ([, code]) => code!);

  test('names only files and folders that exist', () => {
    const paths = lines.flatMap(codeIn).filter((code) => /^(src|test|docs)\/[\w./-]+$/.test(code));
    assert.ok(paths.length >= 60, `${paths.length} paths`);
    assert.deepEqual(
      paths.filter((path) => !existsSync(join(root, path))),
      [],
    );
  });

  test('names files without their folder only beside others of that folder', () => {
    const homeless = lines.flatMap((line) => {
      const codes = codeIn(line);
      const bases = codes.filter((code) => code.startsWith('src/'));
      // A row of the table of folders begins with the folder.
      if (/^\| `\w+` \|/.test(line)) bases.push(join('src', codes[0]!));
      const folders = bases.map((base) => (base.endsWith('.ts') ? dirname(base) : base));
      return codes
        .filter((code) => /^[\w-]+\.ts$/.test(code))
        .filter((name) => folders.length > 0 && !folders.some((folder) => holds(folder, name)));
    });
    assert.deepEqual(homeless, []);
  });

  test('says in its table what each folder of src is', () => {
    const rows = lines.filter((line) => /^\| `[^|]+` \|/.test(line)).join('\n');
    for (const folder of readdirSync(join(root, 'src'), { withFileTypes: true })) {
      if (folder.isDirectory()) assert.match(rows, new RegExp(`^\\| [^|]*\`${folder.name}[\`/]`, 'm'));
    }
  });

  test('says for twelve changes which files to edit', () => {
    const from = lines.indexOf('| a change | files to edit |');
    const rows = lines.slice(from + 2, lines.indexOf('', from));
    assert.equal(rows.length, 12);
    for (const row of rows) assert.match(row, /`src\/[\w/-]+\.ts`/);
  });

  function holds(folder: string, name: string): boolean {
    return globSync(`**/${name}`, { cwd: join(root, folder) }).length > 0;
  }
});
