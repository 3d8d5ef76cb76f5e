import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { suite, test } from 'node:test';
import { methodOf, nodeEventNames } from '../../../src/api/events.ts';
import { defaultOptions } from '../../../src/api/options.ts';

const root = resolve(import.meta.dirname, '../../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

suite('README.md', () => {
  test('lists every event with its method', () => {
    const rows = Array.from(section('The events').matchAll(/^\| `(\w+)` \| `(\w+)\(/gm), ([, ...row]) => row);
    const methods = Object.fromEntries(nodeEventNames.map((event) => [event, methodOf(event)]));
    assert.deepEqual(Object.fromEntries(rows), methods);
  });

  test('lists every option with its default', () => {
    const source = readFileSync(join(root, 'src/api/options.ts'), 'utf8');
    const [, members] = /export interface NodeOptions \{(.*?)\n\}/s.exec(source)!;
    const names = Array.from(members!.matchAll(/^ {2}readonly (\w+)\?:/gm), ([, name]) => name!);
    const table = Array.from(
      section('The options').matchAll(/^\| (`.*?`) \| (.*?) \|/gm),
      ([, words, value]) => [words!.match(/\w+/g)!, value!] as const,
    );
    assert.deepEqual(table.flatMap(([words]) => words).sort(), names.sort());
    const defaults = Object.fromEntries(table.map(([[name], value]) => [name, value]));
    assert.equal(defaults.maxConnections, String(defaultOptions.maxConnections));
    assert.equal(defaults.name, `\`'${defaultOptions.name}'\``);
    assert.equal(defaults.debug, `\`${defaultOptions.debug}\``);
    const { minDelayMs, maxDelayMs } = defaultOptions.reconnect;
    assert.equal(defaults.reconnect, `${minDelayMs / 1_000} s to ${maxDelayMs / 1_000} s, for ever`);
  });

  test('begins with the two commands', () => {
    assert.deepEqual(/```sh\n(npm start) .*\n(npm test) .*\n```/.exec(readme)?.slice(1), [
      'npm start',
      'npm test',
    ]);
  });

  test('says how many packages the package brings', () => {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: true; devOptional?: true; optional?: true; peer?: true }>;
    };
    const { '': _project, ...locked } = packages;
    const brought = Object.values(locked).filter(
      ({ dev, devOptional, optional, peer }) => !(dev || devOptional || optional || peer),
    );
    assert.equal(/brings (\d+) packages/.exec(readme)?.[1], String(brought.length));
  });
});

suite('documents', () => {
  for (const path of globSync('{*.md,docs/**/*.md,bench/*.md,examples/**/*.md}', {
    cwd: root,
    exclude: ['docs/api/**', '**/node_modules/**'],
  })) {
    test(`the links of ${path} lead somewhere`, () => {
      for (const [, target, anchor] of proseOf(join(root, path)).matchAll(
        /\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g,
      )) {
        const file = target === '' ? join(root, path) : join(root, dirname(path), target!);
        assert.ok(existsSync(file), `${target} in ${path}`);
        if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `#${anchor} in ${path}`);
      }
    });
  }

  test('that the sources and the tests name are there', () => {
    for (const path of globSync('{src,test,examples,bench}/**/*.ts', {
      cwd: root,
      exclude: ['**/node_modules/**'],
    })) {
      const text = readFileSync(join(root, path), 'utf8');
      for (const [file] of text.matchAll(/\bdocs\/[\w-]+(?:\/[\w-]+)*\.(?:md|svg)\b/g)) {
        assert.ok(existsSync(join(root, file)), `${file} in ${path}`);
      }
    }
  });
});

function section(title: string): string {
  return new RegExp(`^## ${title}\n(.*?)^## `, 'ms').exec(readme)![1]!;
}

/** A document without its blocks of code, where `#` begins a comment. */
function proseOf(file: string): string {
  return readFileSync(file, 'utf8').replaceAll(/^( *)```.*?^\1```$/gms, '');
}

function anchorsOf(file: string): string[] {
  return Array.from(proseOf(file).matchAll(/^#+ (.*)$/gm), ([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
