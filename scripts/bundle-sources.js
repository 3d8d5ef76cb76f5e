// Bundles a program with the sources of peerloom for browsers, as bundlers do with the built package.
import { readFileSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
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

/** The options of esbuild. */
function optionsFor(input, plugins) {
  return {
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
  };
}

/**
 * @param input the options `entryPoints` or `stdin` of esbuild.
 * @param plugins run before the field `browser` is applied.
 * @returns the text of an ES module, minified, with everything in it.
 */
export async function bundleSources(input, plugins = []) {
  const { outputFiles } = await build(optionsFor(input, plugins));
  return { text: outputFiles[0].text };
}

/**
 * Does the same, but puts what pages load later into files of their own.
 *
 * @returns the files, the program first, and the modules in those that are loaded at the start, by their paths from the
 * root of the repository.
 */
export async function splitSources(input, plugins = []) {
  const { outputFiles, metafile } = await build({ ...optionsFor(input, plugins), splitting: true });
  const outputs = new Map(Object.entries(metafile.outputs));
  const [program] = [...outputs.keys()].filter((path) => outputs.get(path).entryPoint === programOf(input));
  const atStart = new Set([program]);
  for (const path of atStart) {
    for (const { path: imported, kind } of outputs.get(path).imports) {
      if (kind === 'import-statement') atStart.add(imported);
    }
  }
  const paths = [...atStart, ...outputs.keys().filter((path) => !atStart.has(path))];
  const files = paths.map((path) => ({
    name: basename(path),
    text: outputFiles.find((file) => basename(file.path) === basename(path)).text,
    isLoadedAtStart: atStart.has(path),
  }));
  const modules = [...atStart].flatMap((path) =>
    Object.entries(outputs.get(path).inputs).flatMap(([module, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [module] : [],
    ),
  );
  return { files, modules };
}

function programOf({ stdin, entryPoints }) {
  return stdin === undefined ? relative(root, entryPoints[0]) : '<stdin>';
}
