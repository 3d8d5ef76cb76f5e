import type { BuildOptions, Plugin } from 'esbuild';

export function bundleSources(
  input: Pick<BuildOptions, 'entryPoints' | 'stdin'>,
  plugins?: readonly Plugin[],
): Promise<{ readonly text: string; readonly modules: readonly string[] }>;
