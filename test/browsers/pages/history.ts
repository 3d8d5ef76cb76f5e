import { type HistoryOptions, Node, type PeerloomError } from 'peerloom';

let node: Node;
const received: string[] = [];

/** Starts a node that keeps the topic `'chat'`. @returns `'kept'`, or the code of the error. */
async function keep(history: HistoryOptions, topic = 'chat'): Promise<string> {
  node ??= new Node('page', 0, { name: 'page' });
  node.on('node_broadcast', (_origin, data) => received.push(data as string));
  await node.start();
  try {
    await node.subscribe(topic, { history });
    return 'kept';
  } catch (error) {
    return (error as PeerloomError).code;
  }
}

/** @returns the code of the error that a broadcast throws while the store is being opened. */
async function keepAndBroadcastTooEarly(store: string): Promise<string> {
  node = new Node('page', 0, { name: 'page' });
  const kept = node.subscribe('chat', { history: { store } });
  try {
    node.broadcast('too early', { topic: 'chat' });
    return 'sent';
  } catch (error) {
    return (error as PeerloomError).code;
  } finally {
    await kept;
  }
}

function broadcast(...texts: string[]): void {
  for (const text of texts) node.broadcast(text, { topic: 'chat' });
}

async function dial(address: string): Promise<void> {
  await node.connectWithNode(address);
}

async function stop(): Promise<void> {
  await node.stop();
}

/** Resolves when the browser has kept so many broadcasts in a store. */
async function hasStored(store: string, count: number): Promise<void> {
  const database = await resultOf(indexedDB.open(`peerloom history ${store}`));
  for (;;) {
    const table = database.transaction('broadcasts').objectStore('broadcasts');
    if ((await resultOf(table.count())) === count) break;
  }
  database.close();
}

/** Changes what is in a store, as a script of the same origin can. */
async function damage(store: string): Promise<void> {
  const database = await resultOf(indexedDB.open(`peerloom history ${store}`));
  const table = database.transaction('broadcasts', 'readwrite').objectStore('broadcasts');
  const [id] = await resultOf(table.getAllKeys());
  const row = await resultOf(table.get(id!) as IDBRequest<{ bytes: Uint8Array }>);
  row.bytes[row.bytes.length - 1]! ^= 1;
  await resultOf(table.put(row, id));
  database.close();
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

Object.assign(globalThis, {
  page: {
    ...{ keep, keepAndBroadcastTooEarly, broadcast, dial, stop, hasStored, damage },
    received: () => received,
  },
});
