import assert from 'node:assert/strict';
import { relative, resolve, sep } from 'node:path';
import { suite, test } from 'node:test';
import ts from 'typescript';

/** What reads time or draws random numbers, in browsers, Node.js and libraries. */
const forbidden: ReadonlySet<string> = new Set([
  ...['Date', 'performance', 'hrtime', 'uptime', 'timeout', 'Temporal'],
  ...[
    'setTimeout',
    'setInterval',
    'setImmediate',
    'scheduler',
    'requestAnimationFrame',
    'requestIdleCallback',
  ],
  ...['random', 'getRandomValues', 'randomUUID', 'randomBytes', 'randomInt', 'randomFill', 'randomFillSync'],
  ...['generateKey', 'generateKeySync', 'generateKeyPair', 'generateKeyPairSync', 'randomSecretKey'],
]);

/** The modules that use the system's time or randomness all the same, what they use, and why. */
const exceptions: Record<string, readonly string[]> = {
  // The system runtime itself.
  'base/runtime.ts': ['Date', 'getRandomValues', 'performance', 'random', 'setTimeout'],
  'base/next-turn.ts': ['setImmediate'],
  // Keys, and what protects them, never come from `randomBytes` of a runtime that a user wrote.
  'base/checked-runtime.ts': ['getRandomValues'],
  'base/secret-bytes.ts': ['getRandomValues'],
  'identity/identity.ts': ['getRandomValues'],
  'identity/identity-file.ts': ['randomBytes'],
  'transport/noise/web-crypto-key-pair.ts': ['generateKey'],
  'transport/noise/x25519.ts': ['getRandomValues'],
  'transport/tcp/certificate.ts': ['generateKeyPairSync', 'randomBytes'],
  // The turns in which virtual time moves on.
  'simulator/step-through.ts': ['setImmediate'],
  // Keeps the nodes of a simulation from using those of the system.
  'simulator/guard/guarded-globals.ts': ['Date', 'performance'],
  // Names of temporary files.
  'identity/private-file.ts': ['randomUUID'],
  // A program of its own, in other processes than its nodes.
  'cli/demo/demo-network.ts': ['setTimeout'],
};

interface Use {
  readonly module: string;
  readonly name: string;
}

const folder = resolve(import.meta.dirname, '../../src');

suite('time and chance', () => {
  test('come from the runtime: no module refers to those of the system', () => {
    const uses = usesIn(ts.createProgram(sourcesOf(folder), optionsOf('tsconfig.json')));
    const found: Record<string, string[]> = {};
    for (const { module, name } of uses) found[module] = [...(found[module] ?? []), name];
    for (const [module, names] of Object.entries(found)) found[module] = [...new Set(names)].sort();
    assert.deepEqual(found, exceptions);
  });

  const references: Record<string, [code: string, names: string[]]> = {
    'a call': ['export const now = Date.now();', ['Date']],
    'a reference that is not called': ['export const clock = Date.now;', ['Date']],
    'a default': ['export function f({ clock = performance.now } = {}) { return clock; }', ['performance']],
    'a constructor': ['export const now = new Date();', ['Date']],
    'an element': ["export const wait = globalThis['setTimeout'];", ['setTimeout']],
    'a property of the global object': ['export const wait = globalThis.setInterval;', ['setInterval']],
    'a shorthand': ['export const f = { setTimeout };', ['setTimeout']],
    'a method taken out': ['const { random: chance } = Math;\nexport { chance };', ['random']],
    'an import': ["export { randomBytes } from 'node:crypto';", ['randomBytes']],
    'an import by another name': [
      "import { setTimeout as wait } from 'node:timers/promises';\nexport const f = wait;",
      ['setTimeout'],
    ],
    'a member of a module': [
      "import crypto from 'node:crypto';\nexport const f = crypto.randomInt;",
      ['randomInt'],
    ],
    'a signal that times out': ['export const signal = AbortSignal.timeout;', ['timeout']],
    'the time of the process': ['export const now = process.hrtime.bigint();', ['hrtime']],
    'a library': [
      "import { randomBytes as draw } from '@noble/hashes/utils.js';\nexport const f = draw;",
      ['randomBytes'],
    ],
    // What only has the name of one is fine.
    'a method of a runtime': [
      'export const f = (runtime: { setTimeout(): void }) => runtime.setTimeout();',
      [],
    ],
    'a type': ['export type Timer = ReturnType<typeof setTimeout>;\nexport type Day = Date;', []],
    'a variable of its own': [
      'export function f(random: number) { const timeout = random; return timeout; }',
      [],
    ],
  };
  for (const [kind, [code, names]] of Object.entries(references)) {
    test(`${names.length > 0 ? 'are found in' : 'are not'} ${kind}`, () => {
      assert.deepEqual([...new Set(usesIn(programOf(code)).map(({ name }) => name))], names);
    });
  }
});

/** References, called or not, to what is declared outside of the program's own modules. */
function usesIn(program: ts.Program): Use[] {
  const checker = program.getTypeChecker();
  const own = program.getSourceFiles().filter(({ isDeclarationFile }) => !isDeclarationFile);
  const uses: Use[] = [];
  for (const source of own) {
    const module = relative(folder, source.fileName).replaceAll(sep, '/');
    const visit = (node: ts.Node): void => {
      if (ts.isTypeNode(node)) return;
      const name = nameIn(node);
      if (name !== undefined && symbolsOf(node, checker).some(isForeign)) uses.push({ module, name });
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return uses;
}

function nameIn(node: ts.Node): string | undefined {
  if (!ts.isIdentifier(node) && !ts.isStringLiteral(node)) return undefined;
  return forbidden.has(node.text) ? node.text : undefined;
}

/** What an identifier, or the text in brackets behind an object, may name. */
function symbolsOf(node: ts.Node, checker: ts.TypeChecker): ts.Symbol[] {
  const { parent } = node;
  const found: (ts.Symbol | undefined)[] = [checker.getSymbolAtLocation(node)];
  if (ts.isShorthandPropertyAssignment(parent)) found.push(checker.getShorthandAssignmentValueSymbol(parent));
  // In `const { random } = Math` the identifier declares a variable; the property is the one of Math.
  if (ts.isBindingElement(parent) && node === (parent.propertyName ?? parent.name)) {
    found.push(checker.getTypeAtLocation(parent.parent).getProperty((node as ts.Identifier).text));
  }
  return found
    .filter((symbol) => symbol !== undefined)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
}

function isForeign(symbol: ts.Symbol): boolean {
  return symbol.declarations?.some((declaration) => declaration.getSourceFile().isDeclarationFile) ?? false;
}

function sourcesOf(path: string): string[] {
  return ts.sys.readDirectory(path, ['.ts']);
}

function optionsOf(name: string): ts.CompilerOptions {
  const config = ts.getParsedCommandLineOfConfigFile(
    resolve(folder, '..', name),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: () => {},
    },
  );
  return config!.options;
}

let previous: ts.Program | undefined;

/** A program of one module, which shares the libraries with the one before. */
function programOf(code: string): ts.Program {
  const options = optionsOf('tsconfig.json');
  const path = resolve(folder, 'example.ts');
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, version, ...rest) =>
    resolve(name) === path
      ? ts.createSourceFile(name, code, version, true)
      : (previous?.getSourceFile(name) ?? getSourceFile(name, version, ...rest));
  const { fileExists } = host;
  host.fileExists = (name) => resolve(name) === path || fileExists(name);
  previous = ts.createProgram({ rootNames: [path], options, host });
  return previous;
}
