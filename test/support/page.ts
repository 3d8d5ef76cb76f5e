import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';

const root = resolve(import.meta.dirname, '../..');

const sources = new Map(
  Object.entries({
    peerloom: 'index.ts',
    'peerloom/secure': 'secure/index.ts',
    'peerloom/simulator': 'simulator/index.ts',
    'peerloom/testing': 'simulator/testing/index.ts',
  }),
);

/** The files that a page of the documents names in its code blocks: ```` ```ts file=chat.ts ````. */
export class Page {
  readonly text: string;
  readonly #files: ReadonlyMap<string, string>;
  readonly #outputs: ReadonlyMap<string, string>;

  /** @param path from the root of the project. */
  constructor(path: string) {
    this.text = readFileSync(join(root, path), 'utf8');
    this.#files = this.#blocks('ts');
    this.#outputs = this.#blocks('text');
  }

  get fileNames(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** What the page says that a file prints. */
  outputOf(name: string): string | undefined {
    return this.#outputs.get(name);
  }

  /**
   * Writes the files into a folder that goes when the test ends. They import the source of the project.
   *
   * @param change what a test has to replace in them.
   * @returns the folder.
   */
  writeFiles(t: TestContext, change = (source: string): string => source): string {
    const folder = mkdtempSync(join(tmpdir(), 'page-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const fromSource = (text: string): string =>
      text.replaceAll(/'(peerloom(?:\/\w+)?)'/g, (quoted, name) => {
        const source = sources.get(name);
        return source === undefined ? quoted : `'${pathToFileURL(join(root, 'src', source))}'`;
      });
    for (const [name, text] of this.#files) writeFileSync(join(folder, name), change(fromSource(text)));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    return folder;
  }

  #blocks(language: string): ReadonlyMap<string, string> {
    const blocks = this.text.matchAll(new RegExp(`\`\`\`${language} file=(\\S+)\\n(.*?)\`\`\``, 'gs'));
    return new Map(Array.from(blocks, ([, name, text]) => [name!, text!]));
  }
}
