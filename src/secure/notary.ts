import { bytesToHex } from '@noble/hashes/utils.js';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { runNow, type Steps } from '../base/steps.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { MessageSeen, SeenMessages, type Timeliness } from '../overlay/seen/seen-messages.ts';
import {
  type Envelope,
  messageIdBytes,
  PendingEnvelope,
  readEnvelope,
  sign,
  verifyHashSteps,
  verifySteps,
} from './envelope.ts';

export interface NotaryOptions {
  readonly identity: NodeIdentity;
  readonly runtime: Runtime;
  /** Milliseconds that a message's time may differ from ours. */
  readonly timeWindowMs: number;
  /** Messages remembered, so that none is taken twice. */
  readonly maxSeenMessages: number;
  /** Called once for each signature that a signer fails to give. */
  readonly onSignerFailure?: (error: Error) => void;
}

/** The neighbour that brings a message, and what is known of the link to it. */
export interface Bringer {
  readonly id: string;
  /** The share of memory that its messages count against: its own, or one for all neighbours of its address. */
  readonly source: string;
  /** Nobody else can put anything into the link. */
  readonly isEncrypted: boolean;
}

/** The kinds of envelopes that other nodes may pass on. */
const carriedKinds: ReadonlySet<string> = new Set(['letter', 'survey']);

/** A message for all nodes, proven before, that another neighbour passes on: nobody is to blame. */
export class DuplicateMessage extends PeerloomError {
  constructor(message: string) {
    super('ERR_REPLAYED', message);
  }
}

function isForAll({ kind, to }: Envelope): boolean {
  return kind === 'message' && to === undefined;
}

/** Signs what goes out and examines what comes in. */
export class Notary {
  readonly #options: NotaryOptions;
  readonly #seen: SeenMessages;
  /** Envelopes that were signed or proven here. */
  readonly #genuine = new WeakSet<object>();
  /** Envelopes of this node that wait for their signatures, by their letters. */
  readonly #pending = new WeakMap<object, PendingEnvelope>();

  constructor(options: NotaryOptions) {
    const { runtime, timeWindowMs, maxSeenMessages } = options;
    this.#options = options;
    const random = new DataView(new Uint8Array(runtime.randomBytes(8, 'fingerprints of messages')).buffer);
    const seed = { low: random.getUint32(0), high: random.getUint32(4) };
    this.#seen = new SeenMessages({ timeWindowMs, maxMessages: maxSeenMessages, seed });
  }

  get ownId(): string {
    return this.#options.identity.id;
  }

  /** Bytes that the memory of messages takes. */
  get heldBytes(): number {
    return this.#seen.heldBytes;
  }

  /** Told of memory that is taken anew. */
  set onGrowth(onGrowth: (bytes: number) => void) {
    this.#seen.onGrowth = onGrowth;
  }

  /**
   * Signs data: at once, unless the node's key signs asynchronously.
   *
   * @throws TypeError for data that cannot be signed.
   */
  sign(kind: string, data: Data, to?: string): Envelope | PendingEnvelope {
    const { identity, runtime } = this.#options;
    const author = identity.id;
    const time = Math.trunc(runtime.wallNow());
    const id = bytesToHex(runtime.randomBytes(messageIdBytes, 'message ids'));
    const letter = { author, time, id, kind, data };
    const envelope = sign(identity, to === undefined ? letter : { ...letter, to });
    if (envelope instanceof PendingEnvelope) this.#expect(envelope);
    else this.#genuine.add(envelope);
    return envelope;
  }

  /**
   * The data itself when it is a proven envelope that is passed on, and the envelope that waits for its signature when
   * it is the letter of one; otherwise a new envelope for the data.
   */
  envelopeFor(data: Data, kind: string, to?: string): Envelope | PendingEnvelope {
    if (this.isGenuine(data)) return data;
    return this.#pending.get(data as object) ?? this.sign(kind, data, to);
  }

  isGenuine(data: Data): data is Envelope {
    return typeof data === 'object' && data !== null && this.#genuine.has(data);
  }

  /**
   * Examines what another node sent.
   *
   * @throws DuplicateMessage; PeerloomError `ERR_ENVELOPE_INVALID`, `ERR_TIME_WINDOW`, `ERR_REPLAYED`, `ERR_TOO_MANY_MESSAGES`,
   * `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`.
   */
  examine(data: Data, bringer: Bringer): Envelope {
    return runNow(this.examineSteps(data, bringer));
  }

  /** {@link Notary.examine} in steps; for most messages one is enough. */
  *examineSteps(data: Data, bringer: Bringer): Steps<Envelope> {
    const envelope = readEnvelope(data);
    try {
      return yield* this.#examine(envelope, bringer);
    } catch (error) {
      if (!(error instanceof MessageSeen && isForAll(envelope))) throw error;
      // What this node wrote was never remembered, so only the signature tells it from a forgery.
      const isOwn = envelope.author === this.#options.identity.id;
      yield* isOwn ? verifySteps(envelope) : verifyHashSteps(envelope);
      throw new DuplicateMessage(error.message);
    }
  }

  #expect(pending: PendingEnvelope): void {
    this.#pending.set(pending.letter, pending);
    pending.signed.then(
      (envelope) => void this.#genuine.add(envelope),
      (error) => this.#options.onSignerFailure?.(error),
    );
  }

  *#examine(envelope: Envelope, bringer: Bringer): Steps<Envelope> {
    if (envelope.author === this.#options.identity.id) {
      throw new MessageSeen(
        `this node wrote the message ${envelope.id} itself, and a neighbour sent it back`,
      );
    }
    const coming = {
      now: this.#options.runtime.wallNow(),
      source: bringer.source,
      isByAuthor: envelope.author === bringer.id,
      timeliness: this.#timelinessOf(envelope, bringer),
    };
    const proof = verifySteps(envelope);
    let remember = this.#seen.check(envelope, coming);
    while (!proof.next().done) {
      yield;
      // Meanwhile the same message may have come another way.
      remember = this.#seen.check(envelope, coming);
    }
    remember();
    this.#genuine.add(envelope);
    return envelope;
  }

  /**
   * What a neighbour says to this node alone can only have come over the link between them. It may have waited there,
   * for the link to come back or for a slow handler, and clocks that differ do not matter to requests and responses.
   */
  #timelinessOf({ author, to, kind }: Envelope, { id, isEncrypted }: Bringer): Timeliness {
    const isBetweenBoth = isEncrypted && author === id && to === this.#options.identity.id;
    if (!isBetweenBoth || carriedKinds.has(kind)) return 'in the window';
    return kind === 'message' ? 'late' : 'whenever';
  }
}
