import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';

/** A disk that can be full: SQLite then has no more room than it has taken, which it calls a full disk too. */
export class Disk {
  readonly #databases = new Set<DatabaseSync>();
  #isWatching = false;

  constructor(t: TestContext) {
    const { exec } = DatabaseSync.prototype;
    const disk = this;
    t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
      if (disk.#isWatching) disk.#databases.add(this);
      exec.call(this, sql);
    });
  }

  /** The databases that `open` opens are on this disk. */
  async with<Result>(open: () => Result): Promise<Awaited<Result>> {
    this.#isWatching = true;
    try {
      return await open();
    } finally {
      this.#isWatching = false;
    }
  }

  fill(): void {
    this.#limit(1); // SQLite makes it as many as there are
  }

  free(): void {
    this.#limit(1_000_000);
  }

  #limit(pages: number): void {
    if (this.#databases.size === 0) throw new Error('nothing is on the disk');
    for (const database of this.#databases) database.exec(`PRAGMA max_page_count = ${pages}`);
  }
}
