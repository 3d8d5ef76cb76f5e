import { seenFrom } from '../base/address.ts';
import type { Runtime } from '../base/runtime.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { type AddressRecord, signAddressRecord } from '../overlay/membership/address-record.ts';

export interface OwnAddressRecordOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Pick<Runtime, 'wallNow'>;
  /** The texts of the addresses that the node listens on. */
  addresses(): readonly string[];
}

/** The most records, each for peers that see the node at another host. */
const maxKept = 8;

/**
 * The address records of this node, which it signs when a peer asks for one. If it listens on all addresses of its
 * machine (`0.0.0.0`), the record names the address at which the asking peer sees it.
 */
export class OwnAddressRecord {
  readonly #options: OwnAddressRecordOptions;
  /** The records by the texts of their addresses. Created with the first record. */
  #kept: Map<string, AddressRecord | Promise<AddressRecord>> | undefined;
  #sequence = 0;

  constructor(options: OwnAddressRecordOptions) {
    this.#options = options;
  }

  /**
   * Returns the record for a peer that sees this node at a host. `undefined` if the node cannot be dialled. A promise
   * only if the identity signs asynchronously.
   */
  seenAs(host: string): AddressRecord | Promise<AddressRecord> | undefined {
    const { identity, network, runtime, addresses } = this.#options;
    const seen = host === '' ? addresses() : seenFrom(addresses(), host);
    const dialled = seen.filter(
      (text) => !/\/\/(0\.0\.0\.0|\[::\]):/.test(text) && /^[!-~]{1,255}$/.test(text),
    );
    if (dialled.length === 0) return undefined;
    const key = dialled.join(' ');
    this.#kept ??= new Map();
    const kept = this.#kept;
    const earlier = kept.get(key);
    if (earlier !== undefined) return earlier;
    this.#sequence = Math.max(this.#sequence + 1, Math.trunc(runtime.wallNow()));
    const record = signAddressRecord(identity, { network, sequence: this.#sequence, addresses: dialled });
    if (kept.size >= maxKept) kept.delete([...kept.keys()][0]!);
    kept.set(key, record);
    if (record instanceof Promise) record.catch(() => kept.delete(key));
    return record;
  }
}
