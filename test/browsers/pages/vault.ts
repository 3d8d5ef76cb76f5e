import type { Data, PeerloomError } from 'peerloom';
import { SecureNode } from 'peerloom/secure';

let node: SecureNode;

/** Opens a node whose identity and vault are in stores. @returns its id, or the code of the error. */
async function open(store: string): Promise<string> {
  node = new SecureNode('page', 0, { name: 'page', identity: { store }, vault: { store } });
  return outcomeOf(async () => {
    await node.start();
    return node.id;
  });
}

async function dial(address: string): Promise<void> {
  await node.connectWithNode(address);
}

const put = (collection: string, item: string, data: Data) =>
  outcomeOf(() => node.vault.put(collection, item, data));

/** Bytes that no disk can compress. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let start = 0; start < length; start += 65_536) {
    crypto.getRandomValues(bytes.subarray(start, start + 65_536));
  }
  return bytes;
}

/** Fills what the browser gives to the origin of the page. */
async function fillDisk(): Promise<void> {
  const opening = indexedDB.open('filling', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('bytes', { autoIncrement: true });
  await new Promise((resolve) => {
    opening.onsuccess = resolve;
  });
  const bytes = noise(16_000_000);
  for (let length = bytes.length; length > 100_000; ) {
    const transaction = opening.result.transaction('bytes', 'readwrite');
    transaction.objectStore('bytes').add(bytes.subarray(0, length).slice());
    const isKept = await new Promise<boolean>((resolve) => {
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
    });
    if (isKept) continue;
    length /= 4;
    // After a transaction for which there is no room, Firefox refuses all writes but deletions in the next one.
    opening.result.transaction('bytes', 'readwrite').objectStore('bytes').delete(0);
  }
  opening.result.close();
}

/** Makes room again. */
async function emptyDisk(): Promise<void> {
  await new Promise((resolve) => {
    indexedDB.deleteDatabase('filling').onsuccess = resolve;
  });
}

async function putLarge(collection: string, item: string, length: number): Promise<void> {
  await node.vault.putStream(collection, item, [new Uint8Array(length).fill(7)]);
}

/** @returns how many bytes it has, and whether all are 7. */
async function readLarge(owner: string, collection: string, item: string) {
  let length = 0;
  let isWhole = true;
  for await (const piece of node.vault.getStream(owner, collection, item)) {
    length += piece.length;
    isWhole &&= piece.every((byte) => byte === 7);
  }
  return { length, isWhole };
}

/** Calls a function. @returns what it returns, or the code of the error. */
async function outcomeOf<Result>(work: () => Promise<Result>): Promise<Result | string> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as PeerloomError;
    return `${code ?? message}`;
  }
}

Object.assign(globalThis, {
  page: {
    ...{ open, dial, put, putLarge, readLarge, fillDisk, emptyDisk },
    putNoise: (collection: string, item: string) =>
      outcomeOf(() => node.vault.put(collection, item, noise(800_000))),
    isSecure: () => isSecureContext,
    grant: (collection: string, id: string) => node.vault.grant(collection, id),
    get: (owner: string, collection: string, item: string) =>
      outcomeOf(() => node.vault.get(owner, collection, item)),
    items: (collection: string) => node.vault.items(collection),
    sendTo: (id: string, data: Data) => outcomeOf(() => node.sendTo(id, data)),
    stop: () => node.stop(),
  },
});
