import { PeerloomError } from '../../base/errors.ts';
import { MemoryStore } from './memory-store.ts';
import type { HistoryOwner } from './sqlite-store.ts';

/** What bundlers put in the place of `sqlite-store.ts` in a bundle for browsers: there, histories stay in memory. */
export class SqliteStore extends MemoryStore {
  /** @throws PeerloomError `ERR_TRANSPORT_UNAVAILABLE`. */
  constructor(_path: string, _owner: HistoryOwner) {
    super();
    const message = 'a browser has no files: leave history.path out, and the history stays in memory';
    throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
  }
}
