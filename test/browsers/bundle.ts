import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { root } from '../packaging/packed.ts';

interface PackageJson {
  readonly exports: Record<string, string | { readonly default: string }>;
  readonly browser: Record<string, string>;
}

const { exports, browser } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as PackageJson;

export const pages = resolve(import.meta.dirname, 'pages');

/** What a bundler finds in `dist`, in the sources. */
function sourceOf(built: string): string {
  return resolve(root, built.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'));
}

const entries = Object.entries(exports).flatMap(([subpath, target]) =>
  typeof target === 'string' ? [] : [[`peerloom${subpath.slice(1)}`, sourceOf(target.default)]],
);

/** Does to the sources what the field `browser` of package.json does to the built package. */
const browserField: Plugin = {
  name: 'the field browser of package.json',
  setup({ onLoad }) {
    const swaps = new Map(Object.entries(browser).map(([from, to]) => [sourceOf(from), sourceOf(to)]));
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const swapped = swaps.get(path);
      if (swapped === undefined) return undefined;
      return { contents: readFileSync(swapped, 'utf8'), loader: 'ts', resolveDir: resolve(swapped, '..') };
    });
  },
};

export interface Bundle {
  /** An ES module for browsers, minified. */
  readonly text: string;
  /** The modules in it, by their paths from the root of the repository. */
  readonly modules: readonly string[];
}

/**
 * Bundles a program as users do who have installed the package. It imports as if it were a file in `pages`.
 *
 * @param without modules that are left out, to see what the rest takes.
 */
export async function bundle(program: string, without?: RegExp): Promise<Bundle> {
  const leaveOut: Plugin = {
    name: 'leave out',
    setup({ onLoad }) {
      if (without === undefined) return;
      onLoad({ filter: without }, () => ({ contents: 'module.exports = {}', loader: 'js' }));
    },
  };
  const { outputFiles, metafile } = await build({
    stdin: { contents: program, resolveDir: pages, loader: 'ts' },
    absWorkingDir: root,
    alias: Object.fromEntries(entries),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    plugins: [leaveOut, browserField],
    metafile: true,
    write: false,
    outdir: 'out',
    logLevel: 'silent',
  });
  return { text: outputFiles[0]!.text, modules: Object.keys(metafile.inputs) };
}
