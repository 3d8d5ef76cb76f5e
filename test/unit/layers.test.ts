import assert from 'node:assert/strict';
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import { suite, test } from 'node:test';
import ts from 'typescript';

/** The layers of ARCHITECTURE.md, from the top: each builds on those below it, and on no other. */
const layers: readonly (readonly [name: string, modules: RegExp])[] = [
  ['cli', /^(index\.ts|cli\/.*)$/],
  ['simulator', /^simulator\//],
  ['secure', /^secure\//],
  ['libp2p', /^libp2p\//],
  ['node', /^node\//],
  ['discovery', /^discovery\//],
  ['overlay', /^overlay\//],
  ['protocols', /^protocols\//],
  ['peers', /^peers\//],
  ['api', /^api\//],
  ['p2pnetwork', /^p2pnetwork\//],
  ['transports', /^transport\/\w+\//],
  ['channel', /^channel\//],
  ['transport contract', /^transport\/[^/]+$/],
  ['wire', /^wire\//],
  ['identity', /^identity\//],
  ['tensors', /^tensors\/[^/]+$/],
  ['tensor formats', /^tensors\/formats\//],
  ['base', /^base\//],
  // Data admits tensors, and the lowest layer names Data.
  ['tensor', /^tensors\/tensor\//],
];

/**
 * Upward, and of types alone, so that nothing depends on it at run time: what a user's handler is given, a
 * connection or an event, leads to the node that it belongs to, and users extend both classes.
 */
const typesUpward = ['api/events.ts → node/node.ts', 'api/node-connection.ts → node/node.ts'];

/**
 * The types of what a user's handler is given lead to their owner, and the owner makes them: an event and a connection
 * belong to a node, a stream to a connection.
 */
const typesOfOwners = [...typesUpward, 'api/peer-stream.ts → api/node-connection.ts'];

const onNode = /^(transport\/tcp|cli)\//;

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta: Record<string, { optional: boolean }>;
}

interface Import {
  readonly from: string;
  /** A module of src/, or what another specifier says. */
  readonly to: string;
  /** Nothing is left of it in JavaScript. */
  readonly typeOnly: boolean;
}

suite('the layers of src', () => {
  const folder = resolve(import.meta.dirname, '../../src');
  const modules = globSync('**/*.ts', { cwd: folder }).map((path) => path.replaceAll('\\', '/'));
  const sources = new Map(
    modules.map((module) => [
      module,
      ts.createSourceFile(module, readFileSync(join(folder, module), 'utf8'), ts.ScriptTarget.Latest, true),
    ]),
  );
  const imports = [...sources.values()].flatMap(importsOf);

  test('every module has one layer', () => {
    assert.ok(modules.includes('node/node.ts'));
    for (const module of modules) assert.equal(layersOf(module).length, 1, `${module}: ${layersOf(module)}`);
  });

  // 16, and one each for two subjects that come with a subpath of their own: tensors, and libp2p.
  test('a stranger can read the listing: 18 entries at most', () => {
    const entries = readdirSync(folder);
    assert.ok(entries.length <= 18, `${entries.length}: ${entries}`);
  });

  test('imports point downwards', () => {
    const upward = imports.filter(({ from, to }) => sources.has(to) && layersOf(to)[0]! < layersOf(from)[0]!);
    assert.deepEqual(
      upward.filter(({ typeOnly }) => typeOnly).map(({ from, to }) => `${from} → ${to}`),
      typesUpward,
    );
    assert.deepEqual(
      upward.filter(({ typeOnly }) => !typeOnly),
      [],
    );
  });

  test('modules do not import each other in a circle, not even for types', () => {
    const isOfOwner = ({ from, to }: Import): boolean => typesOfOwners.includes(`${from} → ${to}`);
    const exceptions = imports.filter(isOfOwner);
    assert.deepEqual(new Set(exceptions.map(({ typeOnly }) => typeOnly)), new Set([true]));
    assert.equal(exceptions.length, typesOfOwners.length);
    const graph = new Map<string, string[]>(modules.map((module) => [module, []]));
    for (const one of imports) if (sources.has(one.to) && !isOfOwner(one)) graph.get(one.from)!.push(one.to);
    assert.deepEqual(cycleIn(graph), undefined);
  });

  test('modules of Node are imported by transport/tcp and cli alone, but for types', () => {
    const offenders = imports.filter(
      ({ from, to, typeOnly }) => to.startsWith('node:') && !typeOnly && !onNode.test(from),
    );
    assert.deepEqual(offenders, []);
    assert.ok(imports.some(({ from, to }) => to === 'node:net' && onNode.test(from)));
  });

  test('what src imports is what the package depends on', () => {
    const { dependencies } = manifest();
    const packages = packagesIn(({ from }) => !from.startsWith('libp2p/'));
    assert.deepEqual([...packages].sort(), Object.keys(dependencies).sort());
  });

  test('libp2p is imported under src/libp2p alone, when a node needs it, and users install it', () => {
    const { peerDependencies, peerDependenciesMeta } = manifest();
    const packages = packagesIn(({ from, typeOnly }) => from.startsWith('libp2p/') && !typeOnly);
    // Other modules load these by themselves.
    const others = ['@napi-rs/lzma', 'multicast-dns'];
    assert.deepEqual([...packages, ...others].sort(), Object.keys(peerDependencies).sort());
    for (const name of packages) assert.deepEqual(peerDependenciesMeta[name], { optional: true }, name);
    const lazy = imports.filter(
      ({ from, to, typeOnly }) => from.startsWith('libp2p/') && !typeOnly && !sources.has(to),
    );
    assert.deepEqual(
      new Set(lazy.map(({ from }) => from)),
      new Set(['libp2p/packages.ts', 'libp2p/mdns-package.ts']),
    );
  });

  function packagesIn(isMeant: (one: Import) => boolean): Set<string> {
    const outside = imports.filter(
      (one) => !sources.has(one.to) && !one.to.startsWith('node:') && isMeant(one),
    );
    return new Set(outside.map(({ to }) => /^(@[^/]+\/)?[^/]+/.exec(to)![0]));
  }

  function manifest(): Manifest {
    return JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8'));
  }
});

function layersOf(module: string): number[] {
  return [...layers.keys()].filter((index) => layers[index]![1].test(module));
}

function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const from = source.fileName;
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    const { text } = specifier;
    found.push({ from, to: text.startsWith('.') ? posix.join(posix.dirname(from), text) : text, typeOnly });
  };
  walk(source, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, namesTypesOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add((node.argument as ts.LiteralTypeNode).literal, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
  });
  return found;
}

/** `import { type A }` still loads the module, so it counts as an import of more than types. */
function namesTypesOnly(clause: ts.ImportClause | undefined): boolean {
  return clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The first path found that leads back to where it came from. */
function cycleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const follow = (path: string[]): string[] | undefined => {
    const last = path.at(-1)!;
    if (path.indexOf(last) < path.length - 1) return path.slice(path.indexOf(last));
    if (finished.has(last)) return undefined;
    for (const next of graph.get(last) ?? []) {
      const cycle = follow([...path, next]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(last);
    return undefined;
  };
  for (const start of graph.keys()) {
    const cycle = follow([start]);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
