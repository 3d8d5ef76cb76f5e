import { basename, dirname } from 'node:path';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build as esbuild } from 'esbuild';
import { rollup } from 'rollup';
import { build as vite } from 'vite';
import webpack from 'webpack';

/**
 * What each bundler does by default for a target: it makes `output` of the program `input`, an ES module, or a script that
 * a page can load as one. All but esbuild put what is loaded later into files beside it.
 */
export const bundlers = {
  async esbuild({ input, output, target }) {
    const format = target === 'node' ? 'esm' : 'iife';
    await esbuild({
      entryPoints: [input],
      outfile: output,
      bundle: true,
      platform: target,
      format,
      logLevel: 'error',
    });
  },

  async rollup({ input, output, target }) {
    const plugins = [nodeResolve({ browser: target === 'browser', exportConditions: [target] })];
    const bundle = await rollup({
      input,
      plugins,
      external: target === 'node' ? /^node:/ : [],
      onwarn: ({ code, message }) => {
        if (code === 'UNRESOLVED_IMPORT') throw new Error(message);
      },
    });
    await bundle.write({ dir: dirname(output), entryFileNames: basename(output) });
    await bundle.close();
  },

  async vite({ input, output, target }) {
    await vite({
      configFile: false,
      logLevel: 'error',
      root: dirname(output),
      ssr: { noExternal: true },
      build: {
        ssr: target === 'node',
        emptyOutDir: false,
        outDir: '.',
        rollupOptions: {
          input,
          output: { entryFileNames: basename(output) },
        },
      },
    });
  },

  async webpack({ input, output, target }) {
    const compiler = webpack({
      mode: 'production',
      entry: input,
      target: target === 'node' ? 'node22' : 'web',
      optimization: { minimize: false }, // which takes most of the time
      experiments: { outputModule: target === 'node' },
      output: { path: dirname(output), filename: basename(output), module: target === 'node' },
    });
    const stats = await new Promise((resolve, reject) =>
      compiler.run((error, stats) => (error ? reject(error) : resolve(stats))),
    );
    await new Promise((resolve) => compiler.close(resolve));
    const { errors } = stats.toJson({ errors: true });
    if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  },
};
