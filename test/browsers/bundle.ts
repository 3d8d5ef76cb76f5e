import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { bundleSources } from '../../scripts/bundle-sources.js';

export const pages = resolve(import.meta.dirname, 'pages');

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
export function bundle(program: string, without?: RegExp): Promise<Bundle> {
  const leaveOut: Plugin = {
    name: 'leave out',
    setup({ onLoad }) {
      if (without === undefined) return;
      onLoad({ filter: without }, () => ({ contents: 'module.exports = {}', loader: 'js' }));
    },
  };
  return bundleSources({ stdin: { contents: program, resolveDir: pages, loader: 'ts' } }, [leaveOut]);
}
