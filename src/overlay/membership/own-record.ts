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
  /** There is another record. */
  readonly onChange: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** Hosts of this node that others have named, and how many others are remembered for each. */
const maxHosts = 16;
const maxReporters = 16;

/** In place of an address that stands for all of a machine's, the record names so many hosts. */
const namedHosts = 2;

/**
 * What this node says of its own addresses. If it listens on all addresses of its machine (`0.0.0.0`), it learns from
 * its peers what these are.
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

  /** `undefined`: nobody can dial this node, or its record is not signed yet. */
  get record(): AddressRecord | undefined {
    if (this.#signing === '') this.#update();
    return this.#record;
  }

  /** The hosts that peers have named, with how many have, the most first. */
  get seenHosts(): readonly (readonly [host: string, others: number])[] {
    return [...this.#reporters]
      .map(([host, { size }]) => [host, size] as const)
      .sort(([, one], [, other]) => other - one);
  }

  /** A peer says from which host it hears this node. */
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
      // Of a transport whose addresses have a form of their own.
      return [text];
    }
  }

  /** Those that most peers have named. */
  get #hosts(): readonly string[] {
    return this.seenHosts.slice(0, namedHosts).map(([host]) => host);
  }
}
