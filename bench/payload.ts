import type { Message, Plan, System } from './system.ts';

/** Different messages to send in turn: none is changed while it may still wait in a queue. */
export interface Payload {
  readonly messages: readonly Message[];
  /** The checksum of each. */
  readonly sums: readonly number[];
}

/** Bytes between those that count in the checksum: cheap enough to leave the figures alone. */
function strideOf(messageBytes: number): number {
  return Math.max(16, messageBytes >>> 6);
}

function sumOfBytes(bytes: Uint8Array): number {
  const stride = strideOf(bytes.length);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += stride) sum += bytes[at]!;
  return sum;
}

export function sumOf(message: Message): number {
  if (message instanceof Uint8Array) return sumOfBytes(message);
  if (message instanceof Float32Array) {
    return sumOfBytes(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
  }
  if (typeof message === 'string') return message.length;
  return (message as { sequence: number }).sequence;
}

/** Counts what arrives, whole messages or pieces of them. */
export class Tally {
  count = 0;
  sum = 0;
  #awaited = Number.POSITIVE_INFINITY;
  #onArrival: (() => void) | undefined;

  add(message: Message): void {
    this.sum += sumOf(message);
    this.count += 1;
    if (this.count >= this.#awaited) this.#onArrival!();
  }

  addPiece(bytes: Uint8Array, offset: number, messageBytes: number): void {
    const stride = strideOf(messageBytes);
    let position = 0;
    let within = offset;
    while (position < bytes.length) {
      const end = Math.min(bytes.length, position + messageBytes - within);
      const untilSample = (stride - (within % stride)) % stride;
      for (let at = position + untilSample; at < end; at += stride) this.sum += bytes[at]!;
      within += end - position;
      position = end;
      if (within === messageBytes) {
        this.count += 1;
        within = 0;
      }
    }
    if (this.count >= this.#awaited) this.#onArrival!();
  }

  /** Resolves when so many messages have arrived since the last call's, or when none has for `silenceMs`. */
  async take(count: number, silenceMs: number): Promise<{ count: number; sum: number }> {
    if (this.count < count) {
      await new Promise<void>((resolve) => {
        let seen = this.count;
        const timer = setInterval(() => {
          if (this.count === seen) this.#onArrival!();
          seen = this.count;
        }, silenceMs);
        this.#awaited = count;
        this.#onArrival = () => {
          clearInterval(timer);
          this.#awaited = Number.POSITIVE_INFINITY;
          resolve();
        };
      });
    }
    const taken = { count: this.count, sum: this.sum };
    this.count = 0;
    this.sum = 0;
    return taken;
  }
}

/** For an endpoint that counts what it receives one way. */
export function tallyPlan(tally: Tally, options: Pick<Plan, 'messageBytes' | 'maxLinks'>): Plan {
  return {
    traffic: 'one-way',
    ...options,
    onMessage: (message) => tally.add(message),
    onPiece: (bytes, offset) => tally.addPiece(bytes, offset, options.messageBytes),
  };
}

/** Bytes that no compression shortens, the same in every run. */
function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

function payloadOf(messages: readonly Message[]): Payload {
  return { messages, sums: messages.map(sumOf) };
}

export function binaryPayload(messageBytes: number): Payload {
  const different = messageBytes > 65_536 ? 4 : 64;
  return payloadOf(Array.from({ length: different }, (_, index) => noise(messageBytes, index)));
}

export function floatPayload(messageBytes: number): Payload {
  const arrays = Array.from({ length: 4 }, (_, index) => {
    const bytes = noise(messageBytes, index);
    const floats = new Float32Array(messageBytes / 4);
    for (let at = 0; at < floats.length; at++) floats[at] = bytes[at]! / 256;
    return floats;
  });
  return payloadOf(arrays);
}

/** Objects whose JSON is about 100 bytes long. */
export function jsonPayload(): Payload {
  const objects = Array.from({ length: 64 }, (_, index) => ({
    type: 'position',
    sequence: 100_000 + index,
    from: `node-${index % 10}`,
    x: 12.25 + index,
    y: -7.5,
    alive: true,
    tag: 'abcdefgh',
  }));
  return payloadOf(objects);
}

/** The message in the form that the system takes. */
export function encodeFor(system: System, message: Message): Message {
  if (system.carries === 'values' || message instanceof Uint8Array) return message;
  if (message instanceof Float32Array) {
    return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  }
  const text = JSON.stringify(message);
  return system.carries === 'text' ? text : Buffer.from(text);
}

/** The object that a message is the JSON of, whatever the system made of it. */
export function decodeJson(message: Message): object {
  if (typeof message === 'string') return JSON.parse(message);
  if (message instanceof Uint8Array) {
    return JSON.parse(Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString());
  }
  return message;
}

export function decodeFloats(message: Message): Float32Array {
  if (message instanceof Float32Array) return message;
  const bytes = message as Uint8Array<ArrayBuffer>;
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return new Float32Array(new Uint8Array(bytes).buffer);
}
