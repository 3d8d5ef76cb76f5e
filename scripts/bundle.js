// Bundles the built package twice. dist/browser: for pages that load it by <script type="module">, without a bundler;
// with it goes the page of the example browser-chat, which the demo serves. dist/bundled: for Node.js, Deno and Bun, which
// load a few files in a third of the time that 250 modules take.
import { build } from 'esbuild';

const entryPoints = {
  peerloom: 'dist/index.js',
  secure: 'dist/secure/index.js',
  simulator: 'dist/simulator/index.js',
  tensors: 'dist/tensors/index.js',
};
const shared = {
  chunkNames: 'shared-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  logLevel: 'warning',
};

await build({
  ...shared,
  entryPoints: { ...entryPoints, chat: 'examples/browser-chat/page.ts' },
  alias: { peerloom: './dist/index.js' },
  outdir: 'dist/browser',
  minify: true,
  platform: 'browser', // which applies the field `browser` of package.json
  target: 'es2022',
});
await build({
  ...shared,
  entryPoints: { ...entryPoints, libp2p: 'dist/libp2p/index.js', testing: 'dist/simulator/testing/index.js' },
  outdir: 'dist/bundled',
  packages: 'external',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  sourcesContent: false, // the package has the sources
});
