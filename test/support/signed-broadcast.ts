import { Identity } from '../../src/index.ts';
import { type Broadcast, draftBroadcast, setSignature, signedBytes } from '../../src/overlay/broadcast.ts';

let latestUs = 0;

export interface SignedBroadcastFields {
  readonly identity?: Identity;
  readonly network?: string;
  readonly topic?: string;
  /** Microseconds since 1970. Default: now. */
  readonly timeUs?: number;
  readonly text?: string;
  /** In place of a text: so many bytes. */
  readonly length?: number;
}

/** A broadcast that its origin has signed: of a new origin each time where none is given. */
export function signedBroadcast({
  identity = Identity.generate(),
  network = '',
  topic = 'chat',
  timeUs = Math.max(latestUs + 1, Date.now() * 1_000),
  text = 'hello',
  length,
}: SignedBroadcastFields = {}): Broadcast {
  latestUs = Math.max(latestUs, timeUs);
  const payload =
    length === undefined
      ? { format: 2, body: new TextEncoder().encode(text) }
      : { format: 3, body: new Uint8Array(length) };
  const draft = draftBroadcast({ network, origin: identity.id, topic, timeUs, payload });
  setSignature(draft, identity.sign(signedBytes(draft.bytes, network)));
  return draft;
}
