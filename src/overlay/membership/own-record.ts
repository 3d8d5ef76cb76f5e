import { formatAddress, parseAddress } from '../../base/address.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { type AddressRecord, signAddressRecord } from './address-record.ts';

export interface OwnRecordOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  /** The texts of the addresses that the node listens on. */
  readonly addresses: () => readonly string[];
  /** Called when the record has changed. */
  readonly onChange: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** The most hosts of this node, as reported by others, and the most reporting nodes remembered for each. */
const maxHosts = 16;
const maxReporters = 16;

/** How many hosts the record names instead of an address that stands for all addresses of a machine. */
const namedHosts = 2;

/**
 * This node's own address record. If the node listens on all addresses of its machine (`0.0.0.0`), it learns these
 * addresses from its peers.
 */
export class OwnRecord {
  readonly #options: OwnRecordOptions;
  readonly #reporters = new Map<string, Set<string>>();
  #record: AddressRecord | undefined;
  #signing = '';
  #sequence = 0;

  constructor(options: OwnRecordOptions) {
    this.#options = options;
  }

  /** The record. `undefined` if no other node can dial this node, or if the record is not signed yet. */
  get record(): AddressRecord | undefined {
    if (this.#signing === '') this.#update();
    return this.#record;
  }

  /** The hosts that peers have reported, each with the number of peers, the most frequent first. */
  get seenHosts(): readonly (readonly [host: string, others: number])[] {
    return [...this.#reporters]
      .map(([host, { size }]) => [host, size] as const)
      .sort(([, one], [, other]) => other - one);
  }

  /** A peer reports the host from which it sees this node connect. */
  seenAs(host: string, peer: string): void {
    let reporters = this.#reporters.get(host);
    if (reporters === undefined) {
      if (this.#reporters.size >= maxHosts) return;
      reporters = new Set();
      this.#reporters.set(host, reporters);
    }
    if (reporters.size < maxReporters) reporters.add(peer);
    this.#update();
  }

  #update(): void {
    const { identity, network, runtime, onChange, onFailure } = this.#options;
    const addresses = this.#options.addresses().flatMap((text) => this.#resolved(text));
    const text = addresses.join();
    if (addresses.length === 0 || text === this.#signing) return;
    this.#signing = text;
    this.#sequence = Math.max(this.#sequence + 1, Math.trunc(runtime.wallNow()));
    const take = (record: AddressRecord): void => {
      if (this.#record !== undefined && record.sequence < this.#record.sequence) return;
      this.#record = record;
      onChange();
    };
    const signed = signAddressRecord(identity, { network, sequence: this.#sequence, addresses });
    if (signed instanceof Promise) signed.then(take).catch(onFailure);
    else take(signed);
  }

  #resolved(text: string): readonly string[] {
    try {
      const address = parseAddress(text);
      if (address.host !== '0.0.0.0' && address.host !== '::') return [text];
      return this.#hosts.map((host) => formatAddress({ ...address, host }));
    } catch {
      // The transport has its own form of addresses.
      return [text];
    }
  }

  /** The hosts that most peers have reported. */
  get #hosts(): readonly string[] {
    return this.seenHosts.slice(0, namedHosts).map(([host]) => host);
  }
}
