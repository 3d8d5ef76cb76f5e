import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { type BundleFile, bundleSources, splitSources } from '../../scripts/bundle-sources.js';

export const pages = resolve(import.meta.dirname, 'pages');

export interface Bundle {
  /** ES modules for browsers, minified: the program first. */
  readonly files: readonly BundleFile[];
  /** The modules that the page loads at its start, by their paths from the root of the repository. */
  readonly modules: readonly string[];
}

/**
 * Bundles a program as users do who have installed the package. It imports as if it were a file in `pages`.
 *
 * @param without modules that are left out, to see what the rest takes.
 */
export function bundle(program: string, without?: RegExp): Promise<Bundle> {
  const leaveOut: Plugin = {
    name: 'leave out',
    setup({ onLoad }) {
      if (without === undefined) return;
      onLoad({ filter: without }, () => ({ contents: 'module.exports = {}', loader: 'js' }));
    },
  };
  return splitSources(inputOf(program), [leaveOut]);
}

/** Bundles a program into one file, with what pages otherwise load later. */
export async function bundleInOneFile(program: string): Promise<string> {
  const { text } = await bundleSources(inputOf(program));
  return text;
}

function inputOf(program: string) {
  return { stdin: { contents: program, resolveDir: pages, loader: 'ts' } } as const;
}
