/** Lets programs that import 'peerloom' run on the sources, whatever was built: `node --import` takes this file. */
import { registerHooks } from 'node:module';

const sources = new Map(
  Object.entries({
    peerloom: '../../src/index.ts',
    'peerloom/secure': '../../src/secure/index.ts',
    'peerloom/simulator': '../../src/simulator/index.ts',
    'peerloom/tensors': '../../src/tensors/index.ts',
    'peerloom/testing': '../../src/simulator/testing/index.ts',
  }),
);

registerHooks({
  resolve(specifier, context, next) {
    const path = sources.get(specifier);
    return next(path === undefined ? specifier : new URL(path, import.meta.url).href, context);
  },
});
