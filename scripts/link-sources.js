// Lets a clone import 'peerloom', as its examples do, without a build: modules in `dist` lead to the sources. A build is
// left as it is. npm runs this after each install, on whatever Node the machine has.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';

const entries = {
  peerloom: 'index',
  libp2p: 'libp2p/index',
  secure: 'secure/index',
  simulator: 'simulator/index',
  tensors: 'tensors/index',
  testing: 'simulator/testing/index',
};

for (const [name, path] of Object.entries(entries)) {
  for (const built of [path, `bundled/${name}`]) link(built, path);
}

function link(built, path) {
  const module = new URL(`../dist/${built}.js`, import.meta.url);
  if (existsSync(module)) return;
  mkdirSync(new URL('.', module), { recursive: true });
  writeFileSync(module, `export * from '${'../'.repeat(built.split('/').length)}src/${path}.ts';\n`);
}
