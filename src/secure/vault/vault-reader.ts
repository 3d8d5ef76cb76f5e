import type { Data } from '../../base/data.ts';
import { type ErrorCode, PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { type CollectionName, epochOfVersion } from './collection-state.ts';
import { accept } from './delivery.ts';
import type { EpochKeys } from './epoch-keys.ts';
import { openItem, type SealedItem } from './item.ts';
import type { VaultNetwork } from './replicator.ts';
import { turnPace } from './turn.ts';
import {
  type FetchAnswer,
  type FetchRequest,
  fetchAnswerOf,
  throwRefusal,
  vaultTopics,
} from './vault-protocol.ts';
import type { VaultStore } from './vault-store.ts';

export interface VaultReaderOptions {
  readonly ownId: string;
  readonly store: VaultStore;
  readonly keys: EpochKeys;
  readonly network: VaultNetwork;
  readonly runtime: Runtime;
  /** Returns the answer that this node itself would give. */
  readonly fetchHere: (request: FetchRequest) => Promise<Data>;
}

/** An opened item of a collection. */
export interface OpenedItem {
  readonly item: string;
  readonly version: number;
  /** Milliseconds since 1970, by the owner's clock. */
  readonly time: number;
  /** The content, or the description of a large item. `undefined` if the item was deleted. */
  readonly text: Uint8Array | undefined;
  /** The name of the chunks of a large item, which the text describes. Otherwise empty. */
  readonly blob: string;
}

interface Failure {
  readonly isOwner: boolean;
  readonly error: PeerloomError;
}

/** The results of asking several nodes. */
interface Outcome {
  /** Whether a node sent the item, and it was proven. */
  isAnswered: boolean;
  /** The failures, the owner's first. */
  readonly failures: Failure[];
  /** The newest item that was proven but for which this node has no room. */
  unkept: SealedItem | undefined;
}

/** An answer that was proven. */
interface Fetched {
  readonly answer: FetchAnswer;
  /** Items for which this node has no room. */
  readonly unkept: readonly SealedItem[];
}

/** Milliseconds to wait for an answer. A silent owner delays the answers of replicas for at most this time. */
const fetchTimeoutMs = 10_000;

/** Errors that neither an honest nor a slow node causes. */
const offences: ReadonlySet<ErrorCode> = new Set([
  'ERR_VAULT_INVALID',
  'ERR_HASH_MISMATCH',
  'ERR_SIGNATURE_INVALID',
  'ERR_FORK',
  'ERR_ROLLBACK',
]);

/** Errors of this node's own file or bounds. */
const faults: ReadonlySet<ErrorCode> = new Set(['ERR_VAULT_FILE', 'ERR_MESSAGE_TOO_LARGE']);

/** Refusals which, if they come from the owner, the answers of other nodes must not override. */
const words: ReadonlySet<ErrorCode> = new Set(['ERR_NOT_PERMITTED', 'ERR_NOT_FOUND']);

/**
 * Reads collections of other nodes. It asks the owner and all nodes that may have a replica, proves the answers, keeps
 * the newest, and reads that.
 */
export class VaultReader {
  readonly #options: VaultReaderOptions;
  /** Errors of this node's own store. They look like refusals of nodes whose store fails. */
  readonly #ownFaults = new WeakSet<Error>();

  constructor(options: VaultReaderOptions) {
    this.#options = options;
  }

  /**
   * @param from nodes to ask in addition to the owner and the known replicas.
   * @throws PeerloomError `ERR_NOT_PERMITTED`, `ERR_NOT_FOUND`, `ERR_NO_ROUTE`, the errors of {@link accept};
   * `ERR_VAULT_FILE`, `ERR_MESSAGE_TOO_LARGE` if this node cannot keep what it received.
   */
  async get(name: CollectionName, item: string, from: readonly string[]): Promise<OpenedItem> {
    const sources = this.sources(name, from);
    const outcome: Outcome = { isAnswered: false, failures: [], unkept: undefined };
    await this.#fetchFromAll(name, item, sources, outcome);
    if (!isDecided(outcome)) await this.#fetchFromAll(name, item, this.#neighboursBut(sources), outcome);
    const own = outcome.failures.find(({ error }) => this.#ownFaults.has(error));
    // An earlier copy could be older than the item that could not be stored.
    if (own !== undefined) throw own.error;
    if (!outcome.isAnswered) checkFailures(outcome.failures, this.#local(name, item) !== undefined);
    const found = newer(this.#local(name, item), outcome.unkept);
    if (found === undefined)
      throw new PeerloomError(
        'ERR_NOT_FOUND',
        `no node that answered has the item ${item}: check its name, and connect with the owner or a replica`,
      );
    return this.open(name, found);
  }

  /** Asks all sources concurrently. The owner's answer ends the wait, because no other node has anything newer. */
  #fetchFromAll(
    name: CollectionName,
    item: string,
    sources: readonly string[],
    outcome: Outcome,
  ): Promise<void> {
    let open = sources.length;
    return new Promise((resolve) => {
      const tell = async (source: string): Promise<void> => {
        const isOwner = source === name.owner;
        try {
          const { unkept } = await this.#fetch(name, source, { item });
          outcome.isAnswered = true;
          outcome.unkept = newer(outcome.unkept, unkept[0]);
          if (isOwner) resolve();
        } catch (error) {
          const failure = { isOwner, error: error as PeerloomError };
          if (isOwner) outcome.failures.unshift(failure);
          else outcome.failures.push(failure);
          if (isOwner && failure.error.code === 'ERR_NOT_PERMITTED') resolve();
        }
        open -= 1;
        if (open === 0) resolve();
      };
      if (open === 0) resolve();
      for (const source of sources) void tell(source);
    });
  }

  /** Returns the first true answer. It asks the owner first, then the others. `undefined` if there is no answer. */
  async changes(name: CollectionName, since: number): Promise<FetchAnswer | undefined> {
    const sources = this.sources(name, []);
    const others = name.owner === this.#options.ownId ? [] : this.#neighboursBut(sources);
    for (const source of [...sources, ...others]) {
      try {
        const { answer } = await this.#fetch(name, source, { since, watch: true });
        // Only the owner is trusted to have left out no items.
        const seen = source === name.owner ? answer.upTo : (answer.items.at(-1)?.version ?? since);
        const upTo = Math.max(seen, since);
        return { ...answer, upTo, more: answer.more && upTo > since };
      } catch (error) {
        const { code } = error as PeerloomError;
        if (code === 'ERR_NOT_PERMITTED' || this.#ownFaults.has(error as Error)) throw error;
      }
    }
    return undefined;
  }

  /** Fetches from one node, and keeps what is proven. A long log takes several requests. */
  async #fetch(
    name: CollectionName,
    source: string,
    what: Pick<FetchRequest, 'item' | 'since' | 'watch'>,
  ): Promise<Fetched> {
    const { store, runtime } = this.#options;
    const known = await this.#here(() => store.collection(name.owner, name.collection));
    let after = known?.head.sequence ?? 0;
    for (;;) {
      const answer = await this.#ask(source, { ...name, after, ...what });
      const isOther = answer.items.length > 1 || answer.items.some(({ item }) => item !== what.item);
      if (what.item !== undefined && isOther) throw wrongAnswer(source, what.item);
      const given = { delivery: answer, keeping: 'copy', pace: turnPace(runtime) } as const;
      const { collection, unkept } = await this.#here(() => accept(store, name, given));
      const { sequence } = answer.log.at(-1)!;
      if (collection !== undefined && collection.head.sequence >= sequence) {
        if (what.item !== undefined && answer.items.length === 0) throw wrongAnswer(source, what.item);
        return { answer, unkept };
      }
      if (sequence <= after) throw wrongAnswer(source, 'the rest of the log');
      after = sequence;
    }
  }

  async #ask(source: string, request: FetchRequest): Promise<FetchAnswer> {
    const { ownId, network, fetchHere } = this.#options;
    const data =
      source === ownId
        ? await fetchHere(request)
        : await network.ask(source, vaultTopics.fetch, request as unknown as Data, fetchTimeoutMs);
    throwRefusal(data, source);
    return fetchAnswerOf(data);
  }

  /** Runs work on this node's own store. If the store fails, no other node is to blame. */
  async #here<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (faults.has((error as PeerloomError).code)) this.#ownFaults.add(error as Error);
      throw error;
    }
  }

  /** Returns the nodes to ask: the owner first, then the nodes that may have a replica. */
  sources({ owner, collection }: CollectionName, from: readonly string[]): string[] {
    const { ownId, store } = this.#options;
    if (owner === ownId) return [ownId];
    const known = store.collection(owner, collection)?.state.replicas ?? [];
    return [...new Set([owner, ...from, ...known])].filter((id) => id !== ownId);
  }

  /**
   * Returns the neighbours that have not been asked. Any of them may have become a replica since this node last
   * fetched.
   */
  #neighboursBut(asked: readonly string[]): string[] {
    return this.#options.network.neighbours().filter((id) => !asked.includes(id));
  }

  #local({ owner, collection }: CollectionName, item: string): SealedItem | undefined {
    return this.#options.store.item(owner, collection, item);
  }

  /** Whether this node has a wrap for the item's epoch. */
  isReadable({ owner, collection }: CollectionName, { epoch }: SealedItem): boolean {
    const { ownId, store } = this.#options;
    const wraps = store.collection(owner, collection)?.state.epochs.find((one) => one.epoch === epoch)?.wraps;
    return wraps !== undefined && Object.hasOwn(wraps, ownId);
  }

  /** @throws PeerloomError `ERR_NOT_PERMITTED`, `ERR_DECRYPTION`. */
  async open({ owner, collection }: CollectionName, sealed: SealedItem): Promise<OpenedItem> {
    const { item, version, time, epoch, deleted, blob } = sealed;
    const { state } = this.#options.store.collection(owner, collection)!;
    const key = await this.#options.keys.unwrap({ owner, collection, epoch }, epochOfVersion(state, version));
    const text = openItem(sealed, key);
    return { item, version, time, text: deleted ? undefined : text, blob };
  }
}

function newer(one: SealedItem | undefined, other: SealedItem | undefined): SealedItem | undefined {
  return (one?.version ?? -1) >= (other?.version ?? -1) ? one : other;
}

function wrongAnswer(source: string, what: string): PeerloomError {
  return new PeerloomError('ERR_VAULT_INVALID', `${source} did not send ${what}`);
}

/** Whether further nodes need not be asked, because there is an answer or a refusal of the owner. */
function isDecided({ isAnswered, failures: [first] }: Outcome): boolean {
  return isAnswered || (first?.isOwner === true && words.has(first.error.code));
}

/**
 * Checks that an earlier copy may be returned.
 *
 * @throws PeerloomError if it may not, or if there is no copy. The owner's refusal counts more than that of a replica,
 * which may not know of a grant yet.
 */
function checkFailures(failures: readonly Failure[], hasCopy: boolean): void {
  const find = (isIt: (code: ErrorCode) => boolean) => failures.find(({ error }) => isIt(error.code));
  const notFound = find((code) => code === 'ERR_NOT_FOUND');
  const grave = find((code) => code === 'ERR_NOT_PERMITTED') ?? find((code) => offences.has(code));
  if (grave !== undefined && !notFound?.isOwner) throw grave.error;
  if (hasCopy) return;
  if (notFound !== undefined) throw notFound.error;
  const cause = failures[0]?.error;
  throw new PeerloomError(
    'ERR_NO_ROUTE',
    'neither the owner nor a replica can be reached: connect with one of them, or with a node that leads to it',
    { cause },
  );
}
