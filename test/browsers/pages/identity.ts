import { MemoryHub, memory, Node, type NodeOptions, type PeerloomError } from 'peerloom';
import { SecureNode } from 'peerloom/secure';

const hub = new MemoryHub();
let node: Node;

function optionsOf(store: string): NodeOptions {
  return { identity: { store }, transports: [memory({ hub })] };
}

/** @returns the id, or the code of the error. */
async function start(store: string): Promise<string> {
  node = new Node('127.0.0.1', 0, optionsOf(store));
  try {
    await node.start();
    return node.id;
  } catch (error) {
    return (error as PeerloomError).code;
  }
}

async function stop(): Promise<void> {
  await node.stop();
}

/** @returns what the id is before the start. */
function idBeforeStart(): string {
  try {
    return new Node('127.0.0.1', 0, optionsOf('early')).id;
  } catch (error) {
    return (error as PeerloomError).code;
  }
}

/** A SecureNode with an identity in a store sends a signed message and a broadcast, and a plain node connects. */
async function talk() {
  const options = optionsOf('signing');
  const alice = new SecureNode('127.0.0.1', 0, options);
  const bob = new SecureNode('127.0.0.1', 0, { transports: [memory({ hub })] });
  const authors: string[] = [];
  bob.on('node_message', () => authors.push(bob.message!.author));
  await Promise.all([alice.start(), bob.start()]);
  const connection = await alice.connectWithNode('127.0.0.1', bob.port);
  await connection.deliver('signed');
  await Promise.all([alice.stop(), bob.stop()]);
  return authors.map((author) => author === alice.id);
}

/** What kind of key the browser keeps, and whether anybody can read it. */
async function stored(store: string): Promise<string> {
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open('peerloom');
    request.onsuccess = () => resolve(request.result);
  });
  const found = await new Promise<object>((resolve) => {
    const request = database.transaction('identities').objectStore('identities').get(store);
    request.onsuccess = () => resolve(request.result);
  });
  database.close();
  if (!('privateKey' in found)) return Object.keys(found).join();
  const key = found.privateKey as CryptoKey;
  return crypto.subtle.exportKey('pkcs8', key).then(
    () => 'readable',
    () => `${key.algorithm.name}, not extractable`,
  );
}

Object.assign(globalThis, { page: { start, stop, idBeforeStart, talk, stored } });
