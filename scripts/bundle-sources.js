// Bundles a program with the sources of peerloom for browsers, as bundlers do with the built package.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports, browser } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

/** What a bundler finds in `dist`, in the sources. */
function sourceOf(built) {
  return resolve(root, built.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts'));
}

/** The sources that `'peerloom'` and its subpaths stand for. */
const alias = Object.fromEntries(
  Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === 'string' ? [] : [[`peerloom${subpath.slice(1)}`, sourceOf(target.default)]],
  ),
);

/** Does to the sources what the field `browser` of package.json does to the built package. */
const browserField = {
  name: 'the field browser of package.json',
  setup({ onLoad }) {
    const swaps = new Map(Object.entries(browser).map(([from, to]) => [sourceOf(from), sourceOf(to)]));
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const swapped = swaps.get(path);
      if (swapped === undefined) return undefined;
      return { contents: readFileSync(swapped, 'utf8'), loader: 'ts', resolveDir: dirname(swapped) };
    });
  },
};

/**
 * @param input the options `entryPoints` or `stdin` of esbuild.
 * @param plugins run before the field `browser` is applied.
 * @returns the text of an ES module, minified, and the modules in it, by their paths from the root of the repository.
 */
export async function bundleSources(input, plugins = []) {
  const { outputFiles, metafile } = await build({
    ...input,
    absWorkingDir: root,
    alias,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    plugins: [...plugins, browserField],
    metafile: true,
    write: false,
    outdir: 'out',
    logLevel: 'silent',
  });
  return { text: outputFiles[0].text, modules: Object.keys(metafile.inputs) };
}
