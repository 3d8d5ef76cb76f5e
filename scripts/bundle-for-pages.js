// Bundles the built package for pages that load it by <script type="module">, without a bundler: dist/browser.
import { build } from 'esbuild';

await build({
  entryPoints: {
    peerloom: 'dist/index.js',
    secure: 'dist/secure/index.js',
    simulator: 'dist/simulator/index.js',
  },
  outdir: 'dist/browser',
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'browser', // which applies the field `browser` of package.json
  target: 'es2022',
  logLevel: 'warning',
});
