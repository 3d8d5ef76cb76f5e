/** Two nodes where nobody can change the objects that the language comes with, as in hardened applications. */
const intrinsics = [Object, Function, Array, Error, Promise, Map, Set, Uint8Array, String, Number, Boolean];
for (const one of intrinsics) {
  Object.freeze(one);
  Object.freeze(one.prototype);
}
const { Node } = await import('../../../src/index.ts');
const { SecureNode } = await import('../../../src/secure/index.ts');
const { keysOfPrototypes } = await import('./keys-of-prototypes.ts');

const lines: unknown[] = [];
const a = new Node('127.0.0.1', 0);
const b = new Node('127.0.0.1', 0, {
  callback: (event, _node, _peer, data) => void lines.push([event, data]),
});
await Promise.all([a.start(), b.start()]);
const connection = await a.connectWithNode('127.0.0.1', b.port);
for (const data of keysOfPrototypes) await connection.deliver(data);
await Promise.all([a.stop(), b.stop()]);

const owner = new SecureNode('127.0.0.1', 0);
await owner.start();
for (const [index, data] of keysOfPrototypes.entries()) {
  await owner.vault.put('collection', `item ${index}`, data);
  lines.push(['vault', await owner.vault.get(owner.id, 'collection', `item ${index}`)]);
}
await owner.stop();
process.send!(lines);
