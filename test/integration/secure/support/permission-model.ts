import type { ErrorCode } from '../../../../src/index.ts';

/** What reading gives: a value, or a refusal. */
export type Reading = { readonly value: number } | { readonly code: ErrorCode };

/** Who may read what of one collection, told by spans of time between revocations: no keys, no versions. */
export class PermissionModel {
  readonly #owner: number;
  readonly #items = new Map<string, { readonly value: number; readonly span: number }>();
  /** The spans that each reader may read. */
  readonly #open = new Map<number, Set<number>>();
  #replica: number | undefined;
  #span = 0;
  #exists = false;

  constructor(owner: number) {
    this.#owner = owner;
  }

  put(item: string, value: number): void {
    this.#exists = true;
    this.#items.set(item, { value, span: this.#span });
  }

  addReplica(replica: number): void {
    this.#replica = replica;
  }

  grant(reader: number, history: boolean): void {
    this.#exists = true;
    const spans = this.#open.get(reader) ?? new Set([this.#span]);
    if (history) for (let span = 0; span < this.#span; span++) spans.add(span);
    this.#open.set(reader, spans);
  }

  revoke(reader: number, reencrypt: boolean): void {
    if (!this.#open.delete(reader)) return;
    this.#span += 1;
    for (const spans of this.#open.values()) spans.add(this.#span);
    if (!reencrypt) return;
    for (const [item, { value }] of this.#items) this.#items.set(item, { value, span: this.#span });
  }

  get exists(): boolean {
    return this.#exists;
  }

  read(reader: number, item: string): Reading {
    const found = this.#items.get(item);
    // A replica cannot read, but sees what there is.
    const seesNames = reader === this.#owner || (reader === this.#replica && found === undefined);
    if (!seesNames) {
      if (!this.#exists) return { code: 'ERR_NOT_FOUND' };
      const spans = this.#open.get(reader);
      if (spans === undefined) return { code: 'ERR_NOT_PERMITTED' };
      if (found !== undefined && !spans.has(found.span)) return { code: 'ERR_NOT_PERMITTED' };
    }
    return found === undefined ? { code: 'ERR_NOT_FOUND' } : { value: found.value };
  }
}
