export { Histories } from '../overlay/history/histories.ts';
export { IndexedDbStore } from '../overlay/history/indexed-db-store.ts';
export { KeeperLinks } from '../overlay/history/keeper-links.ts';
export { TopicKey } from '../overlay/topic-key.ts';
