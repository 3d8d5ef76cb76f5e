import type { Log } from '../base/debug.ts';
import { peerLabel } from '../base/peer-label.ts';
import { compressionNameOf } from '../wire/compression/compression.ts';
import { FrameKind, idBytes, idOf } from '../wire/frames/frame.ts';
import { formatNameOf } from '../wire/payloads/payload.ts';

/** A frame with a payload. In received frames of most kinds, a number precedes the payload. */
interface TracedFrame {
  readonly kind: number;
  readonly format: number;
  readonly compression: number;
  readonly body: Uint8Array;
}

const kindNames = new Map<number, string>([
  [FrameKind.message, 'message'],
  [FrameKind.deliver, 'delivery'],
  [FrameKind.delivered, 'confirmation of delivery'],
  [FrameKind.request, 'request'],
  [FrameKind.response, 'response to request'],
  [FrameKind.failure, 'failure of request or delivery'],
  [FrameKind.streamOpen, 'opening of stream'],
  [FrameKind.protocol, 'frame of a protocol'],
]);

/** Logs the kind, format and size of each frame, never its content. Check {@link Trace.enabled} first. */
export class Trace {
  readonly #log: Log;
  readonly #remote: { readonly id: string; readonly name: string };

  constructor(log: Log, remote: { readonly id: string; readonly name: string }) {
    this.#log = log;
    this.#remote = remote;
  }

  /** Whether the log is on. */
  get enabled(): boolean {
    return this.#log.enabled;
  }

  sent(frame: TracedFrame, number: number | undefined): void {
    this.#frame('to', frame, { number, bytes: frame.body.length });
  }

  received(frame: TracedFrame): void {
    const { kind, body } = frame;
    const isNumbered = kind !== FrameKind.message && kind !== FrameKind.protocol && body.length >= idBytes;
    const number = isNumbered ? idOf(kind, body) : undefined;
    this.#frame('from', frame, { number, bytes: isNumbered ? body.length - idBytes : body.length });
  }

  /** Logs a message to or from a Python node, whose format has no name. */
  packet(direction: 'to' | 'from', bytes: number): void {
    this.#log(`${direction} ${peerLabel(this.#remote)}: message, ${bytes} bytes`);
  }

  /** Logs that a stream has ended in both directions or was aborted. */
  streamOver(id: number, { sent, received }: { readonly sent: number; readonly received: number }): void {
    const label = peerLabel(this.#remote);
    this.#log(`end of stream ${id} with ${label}: ${sent} bytes written, ${received} bytes received`);
  }

  #frame(
    direction: 'to' | 'from',
    { kind, format, compression }: TracedFrame,
    { number, bytes }: { readonly number: number | undefined; readonly bytes: number },
  ): void {
    const name = kindNames.get(kind);
    if (name === undefined) return;
    const subject = number === undefined ? name : `${name} ${number}`;
    const details = [subject];
    if (kind === FrameKind.protocol) {
      details.push(`${bytes} bytes`);
    } else if (kind !== FrameKind.delivered) {
      details.push(formatNameOf(format), `${bytes} bytes`);
      if (compression !== 0) details.push(`compressed with ${compressionNameOf(compression)}`);
    }
    this.#log(`${direction} ${peerLabel(this.#remote)}: ${details.join(', ')}`);
  }
}
