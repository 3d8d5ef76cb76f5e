/**
 * Runs a program, with all that it imports, in a realm of its own, as the test runners Jest and Vitest (its vm pools)
 * do: it has its own Object, Array, Error and Promise, while Node.js has those of the main realm. They share
 * Uint8Array and ArrayBuffer. Needs --experimental-vm-modules; its argument is the program.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createContext, runInContext, SourceTextModule, SyntheticModule } from 'node:vm';

type Module = SourceTextModule | SyntheticModule;

const names = Object.getOwnPropertyNames(globalThis);
const own = new Set(runInContext('Object.getOwnPropertyNames(globalThis)', createContext()) as string[]);
const alsoShared = ['Uint8Array', 'ArrayBuffer', 'console'];
const shared = names.filter((name) => !own.has(name) || alsoShared.includes(name));
const context = createContext(
  Object.fromEntries(shared.map((name) => [name, Reflect.get(globalThis, name)])),
);
Reflect.set(context, 'globalThis', runInContext('this', context));
const modules = new Map<string, Promise<Module>>();

function load(specifier: string, parent: string): Promise<Module> {
  const url = specifier.startsWith('.') ? new URL(specifier, parent).href : import.meta.resolve(specifier);
  let module = modules.get(url);
  if (module === undefined) {
    module = url.startsWith('node:') ? builtin(url) : source(url);
    modules.set(url, module);
  }
  return module;
}

async function builtin(url: string): Promise<Module> {
  const namespace: Record<string, unknown> = await import(url);
  const exported = Object.keys(namespace);
  const evaluate = function (this: SyntheticModule): void {
    for (const name of exported) this.setExport(name, namespace[name]);
  };
  return new SyntheticModule(exported, evaluate, { context, identifier: url });
}

async function source(url: string): Promise<Module> {
  const text = readFileSync(fileURLToPath(url), 'utf8');
  const code = url.endsWith('.ts') ? stripTypeScriptTypes(text) : text;
  return new SourceTextModule(code, {
    context,
    identifier: url,
    initializeImportMeta: (meta) => {
      meta.url = url;
    },
  });
}

const program = await load(pathToFileURL(process.argv[2]!).href, import.meta.url);
await program.link((specifier, parent) => load(specifier, parent.identifier));
await program.evaluate();
