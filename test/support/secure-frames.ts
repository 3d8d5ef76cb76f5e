import { runNow } from '../../src/base/steps.ts';
import type { Data, Protocol, ProtocolPeer } from '../../src/index.ts';
import {
  dataSteps,
  encodeSecureFrame,
  readSecureFrame,
  type SecureFrame,
  SecureFrameKind,
  secureProtocol,
} from '../../src/secure/secure-frames.ts';
import { until } from './turns.ts';

/** Decodes the payload of a frame at once. */
export function dataOf(frame: SecureFrame): Data {
  return runNow(dataSteps(frame, 1_000_000));
}

/** A frame that arrived, decoded. */
export interface ReadFrame {
  readonly kind: number;
  readonly number: number;
  readonly data: Data;
}

/** Speaks to SecureNodes as one of them, in frames that a test makes. */
export class SecureFrames implements Protocol {
  readonly name = secureProtocol;
  onFrame: (frame: ReadFrame, peer: ProtocolPeer) => void = () => {};
  readonly #peers = new Map<string, ProtocolPeer>();
  readonly #answers = new Map<number, (frame: ReadFrame) => void>();
  /** Told whether a letter is taken, by its hash. */
  readonly #given = new Map<string, (isTaken: boolean) => void>();
  #lastNumber = 0;

  attach(): void {}

  opened(peer: ProtocolPeer): void {
    this.#peers.set(peer.id, peer);
  }

  closed(peer: ProtocolPeer): void {
    this.#peers.delete(peer.id);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void {
    const frame = readSecureFrame(bytes);
    const { kind, number } = frame;
    const read = { kind, number, data: dataOf(frame) };
    if (kind === SecureFrameKind.response || kind === SecureFrameKind.failure)
      this.#answers.get(number)?.(read);
    if (kind === SecureFrameKind.taken) this.#settle(read.data as string, true);
    if (kind === SecureFrameKind.relayed) {
      const { hash, answer } = read.data as { readonly hash: string; readonly answer: Data };
      if (answer === null && this.#settle(hash, false)) return;
    }
    this.onFrame(read, peer);
  }

  async peer(id: string): Promise<ProtocolPeer> {
    await until(() => this.#peers.has(id), 'the protocol is open');
    return this.#peers.get(id)!;
  }

  /** Asks a question; resolves to the frame that answers it. */
  async ask(id: string, question: Data): Promise<ReadFrame> {
    const peer = await this.peer(id);
    const number = ++this.#lastNumber;
    return new Promise((resolve) => {
      this.#answers.set(number, resolve);
      peer.send(encodeSecureFrame(SecureFrameKind.request, question, number));
    });
  }

  /** Has a letter passed on. @returns whether it is taken. */
  async relay(id: string, letter: Data, budgetMs: number): Promise<boolean> {
    const peer = await this.peer(id);
    const { hash } = letter as { readonly hash: string };
    return new Promise((resolve) => {
      this.#given.set(hash, resolve);
      peer.send(encodeSecureFrame(SecureFrameKind.relay, letter, budgetMs));
    });
  }

  #settle(hash: string, isTaken: boolean): boolean {
    this.#given.get(hash)?.(isTaken);
    return this.#given.delete(hash);
  }
}
