// Lets a clone import 'peerloom', as its examples do, without a build: modules in `dist` lead to the sources. A build is
// left as it is. npm runs this after each install, on whatever Node the machine has.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';

for (const path of [
  'index',
  'libp2p/index',
  'secure/index',
  'simulator/index',
  'tensors/index',
  'simulator/testing/index',
]) {
  const module = new URL(`../dist/${path}.js`, import.meta.url);
  if (existsSync(module)) continue;
  mkdirSync(new URL('.', module), { recursive: true });
  const source = `${'../'.repeat(path.split('/').length)}src/${path}.ts`;
  writeFileSync(module, `export * from '${source}';\n`);
}
