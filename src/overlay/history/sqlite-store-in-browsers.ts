import { PeerloomError } from '../../base/errors.ts';
import type { HistoryOwner } from './history-store.ts';
import { MemoryStore } from './memory-store.ts';

/** Bundlers use this file instead of `sqlite-store.ts` in a bundle for browsers, which have IndexedDB instead. */
export class SqliteStore extends MemoryStore {
  /** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`. */
  constructor(_path: string, _owner: HistoryOwner) {
    super();
    const message = 'a browser has no files: use history.store in the place of history.path';
    throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
  }
}
