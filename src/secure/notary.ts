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
  /** Milliseconds by which a message's time may differ from this node's clock. */
  readonly timeWindowMs: number;
  /** The most messages that are remembered, so that none is accepted twice. */
  readonly maxSeenMessages: number;
  /** Called once for each signature that a signer fails to make. */
  readonly onSignerFailure?: (error: Error) => void;
}

/** The neighbour that brings a message, and what is known of the link to it. */
export interface Bringer {
  readonly id: string;
  /**
   * The share of memory that its messages count against: its own share, or the share of all neighbours with its
   * address.
   */
  readonly source: string;
  /** Whether the link is encrypted, so that no other node can insert data. */
  readonly isEncrypted: boolean;
}

/** The kinds of envelopes that nodes pass on for others. */
const carriedKinds: ReadonlySet<string> = new Set(['letter', 'survey']);

/** A message for all nodes that was proven before, and that another neighbour passes on. No node is to blame for it. */
export class DuplicateMessage extends PeerloomError {
  constructor(message: string) {
    super('ERR_REPLAYED', message);
  }
}

function isForAll({ kind, to }: Envelope): boolean {
  return kind === 'message' && to === undefined;
}

/** Signs what this node sends, and examines what it receives. */
export class Notary {
  readonly #options: NotaryOptions;
  readonly #seen: SeenMessages;
  /** Envelopes that this node has signed or proven. */
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

  /** Bytes that the record of seen messages takes. */
  get heldBytes(): number {
    return this.#seen.heldBytes;
  }

  /** Called with the bytes of memory that are newly taken. */
  set onGrowth(onGrowth: (bytes: number) => void) {
    this.#seen.onGrowth = onGrowth;
  }

  /**
   * Signs data. Returns a pending envelope if the node's key signs asynchronously.
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
   * Returns the envelope to send for some data: the data itself if it is a proven envelope, which is passed on; the
   * pending envelope if the data is the letter of one; otherwise a new envelope for the data.
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
   * @throws DuplicateMessage; PeerloomError `ERR_ENVELOPE_INVALID`, `ERR_TIME_WINDOW`, `ERR_REPLAYED`,
   * `ERR_TOO_MANY_MESSAGES`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`.
   */
  examine(data: Data, bringer: Bringer): Envelope {
    return runNow(this.examineSteps(data, bringer));
  }

  /** {@link Notary.examine} in steps. One step is enough for most messages. */
  *examineSteps(data: Data, bringer: Bringer): Steps<Envelope> {
    const envelope = readEnvelope(data);
    try {
      return yield* this.#examine(envelope, bringer);
    } catch (error) {
      if (!(error instanceof MessageSeen && isForAll(envelope))) throw error;
      // Own messages are not remembered, so only the signature distinguishes this one from a forgery.
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
      // Meanwhile the same message may have come from another neighbour.
      remember = this.#seen.check(envelope, coming);
    }
    remember();
    this.#genuine.add(envelope);
    return envelope;
  }

  /**
   * How old a message may be. An encrypted message of a neighbour for this node alone can only have come over the link
   * between them. It may have waited there, until the link came back or a slow handler was done. For requests and
   * responses, differences between the clocks do not matter.
   */
  #timelinessOf({ author, to, kind }: Envelope, { id, isEncrypted }: Bringer): Timeliness {
    const isBetweenBoth = isEncrypted && author === id && to === this.#options.identity.id;
    if (!isBetweenBoth || carriedKinds.has(kind)) return 'in the window';
    return kind === 'message' ? 'late' : 'whenever';
  }
}
