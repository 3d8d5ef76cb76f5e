import { bytesToHex } from '@noble/hashes/utils.js';
import type { Data } from '../data.ts';
import { PeerloomError } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Runtime } from '../runtime.ts';
import { type Envelope, messageIdBytes, readEnvelope, sign, verify } from './envelope.ts';
import { SeenMessages } from './seen-messages.ts';

export interface NotaryOptions {
  readonly identity: Identity;
  readonly runtime: Runtime;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Milliseconds that a message's time may differ from ours. */
  readonly timeWindowMs: number;
  /** Messages remembered, so that none is taken twice. */
  readonly maxSeenMessages: number;
}

/** Signs what goes out and examines what comes in. */
export class Notary {
  readonly #options: NotaryOptions;
  readonly #seen: SeenMessages;
  /** Envelopes that were signed or proven here. */
  readonly #genuine = new WeakSet<object>();

  constructor(options: NotaryOptions) {
    const { timeWindowMs, maxSeenMessages } = options;
    this.#options = options;
    this.#seen = new SeenMessages({ timeWindowMs, maxMessages: maxSeenMessages });
  }

  /** @throws TypeError for data that cannot be signed. */
  sign(kind: string, data: Data, to?: string): Envelope {
    const { identity, runtime, wallClock } = this.#options;
    const author = identity.id;
    const time = Math.trunc(wallClock());
    const id = bytesToHex(runtime.randomBytes(messageIdBytes));
    const letter = { author, time, id, kind, data };
    const envelope = sign(identity, to === undefined ? letter : { ...letter, to });
    this.#genuine.add(envelope);
    return envelope;
  }

  /** The data itself when it is a proven envelope that is passed on, otherwise an envelope for it. */
  envelopeFor(data: Data, kind: string, to?: string): Envelope {
    return this.isGenuine(data) ? data : this.sign(kind, data, to);
  }

  isGenuine(data: Data): data is Envelope {
    return typeof data === 'object' && data !== null && this.#genuine.has(data);
  }

  /**
   * Examines what another node sent.
   *
   * @throws PeerloomError `ERR_ENVELOPE_INVALID`, `ERR_TIME_WINDOW`, `ERR_REPLAYED`, `ERR_HASH_MISMATCH`,
   * `ERR_SIGNATURE_INVALID`.
   */
  examine(data: Data): Envelope {
    const envelope = readEnvelope(data);
    const now = this.#options.wallClock();
    this.#seen.checkTime(envelope, now);
    // What this node wrote itself is no news to it, whoever brings it back.
    if (envelope.author === this.#options.identity.id || this.#seen.has(envelope)) {
      throw new PeerloomError('ERR_REPLAYED', `the message ${envelope.id} of ${envelope.author} came before`);
    }
    verify(envelope);
    this.#seen.add(envelope, now);
    this.#genuine.add(envelope);
    return envelope;
  }
}
