import { PeerloomError } from './errors.ts';

type Builtins = {
  'node:async_hooks': typeof import('node:async_hooks');
  'node:crypto': typeof import('node:crypto');
  'node:dgram': typeof import('node:dgram');
  'node:fs': typeof import('node:fs');
  'node:http': typeof import('node:http');
  'node:module': typeof import('node:module');
  'node:os': typeof import('node:os');
  'node:path': typeof import('node:path');
  'node:sqlite': typeof import('node:sqlite');
  'node:stream': typeof import('node:stream');
  'node:url': typeof import('node:url');
  'node:v8': typeof import('node:v8');
  'node:zlib': typeof import('node:zlib');
};

/**
 * Returns a module of Node.js at run time, without importing it, so that files that need it only for part of their work
 * still load in a browser. `undefined` if the runtime is not Node.js.
 */
export function optionalBuiltin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as Builtins[Name] | undefined;
}

/**
 * Like {@link optionalBuiltin}, for features that need the module.
 *
 * @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE` if the runtime is not Node.js.
 */
export function requiredBuiltin<Name extends keyof Builtins>(name: Name, purpose: string): Builtins[Name] {
  const module = optionalBuiltin(name);
  if (module === undefined) {
    throw new PeerloomError(
      'ERR_TRANSPORT_UNAVAILABLE',
      `${purpose} needs ${name} of Node.js, which this runtime does not have`,
    );
  }
  return module;
}
