import type { BuildOptions, Plugin } from 'esbuild';

type Input = Pick<BuildOptions, 'entryPoints' | 'stdin'>;

export function bundleSources(input: Input, plugins?: readonly Plugin[]): Promise<{ readonly text: string }>;

export interface BundleFile {
  readonly name: string;
  readonly text: string;
  readonly isLoadedAtStart: boolean;
}

export function splitSources(
  input: Input,
  plugins?: readonly Plugin[],
): Promise<{ readonly files: readonly BundleFile[]; readonly modules: readonly string[] }>;
