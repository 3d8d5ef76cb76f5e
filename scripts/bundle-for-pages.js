// Bundles the built package for pages that load it by <script type="module">, without a bundler: dist/browser. With it
// goes the page of the example browser-chat, which the demo serves.
import { build } from 'esbuild';

await build({
  entryPoints: {
    peerloom: 'dist/index.js',
    secure: 'dist/secure/index.js',
    simulator: 'dist/simulator/index.js',
    tensors: 'dist/tensors/index.js',
    chat: 'examples/browser-chat/page.ts',
  },
  alias: { peerloom: './dist/index.js' },
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
