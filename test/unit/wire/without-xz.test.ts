import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { suite, test } from 'node:test';

/** In a file of its own: once the package is loaded, it stays. */
suite('xz without its package', () => {
  const cases: Record<string, [cause: Error, message: RegExp]> = {
    'is not there': [
      Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' }),
      /^the compression lzma needs the package @napi-rs\/lzma: npm install @napi-rs\/lzma$/,
    ],
    'has no binary for this Node.js': [
      new Error('Cannot find native binding.'),
      /which does not load here; install it again with the Node.js that runs this program \(v\d.*\): npm install @napi-rs\/lzma$/,
    ],
  };
  for (const [name, [cause, message]] of Object.entries(cases)) {
    test(`says what to install: it ${name}`, async (t) => {
      const hooks = registerHooks({
        resolve(specifier, context, next) {
          if (specifier === '@napi-rs/lzma/xz') throw cause;
          return next(specifier, context);
        },
      });
      t.after(() => hooks.deregister());
      const fresh: typeof import('../../../src/wire/compression/xz.ts') = await import(
        `../../../src/wire/compression/xz.ts?${name}`
      );
      assert.equal(fresh.hasXz(), false);
      const error = { code: 'ERR_COMPRESSION_UNAVAILABLE', message, cause };
      assert.throws(() => fresh.compressXz(new Uint8Array(0)), error);
      assert.throws(() => fresh.decompressXz(new Uint8Array(0), 0), error);
    });
  }
});
