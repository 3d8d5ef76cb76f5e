import type { NodeConnection } from '../../api/node-connection.ts';
import type { PeerStream } from '../../api/peer-stream.ts';
import type { SendStateOptions } from '../../api/state-transfer.ts';
import { checkOptions, checkSignal, checkTimeout, checkType } from '../../base/arguments.ts';
import { isPeerloomError, PeerloomError } from '../../base/errors.ts';
import { inNextTurn } from '../../base/next-turn.ts';
import { peerLabel } from '../../base/peer-label.ts';
import { printable } from '../../base/printable.ts';
import { runningSha256 } from '../../base/running-sha256.ts';
import type { Runtime } from '../../base/runtime.ts';
import { entriesOf, type StateDictLike } from '../../tensors/formats/state-dict.ts';
import { StallWatch } from './stall-watch.ts';
import { Answer, acceptedBytes, encodeManifest, headerData } from './state-form.ts';

/** The size of one write. Progress is reported after each. */
const pieceBytes = 256 * 1024;

/** How much is hashed in one turn of the event loop, which takes some milliseconds. */
const turnBytes = 4 * 1024 * 1024;

const defaultStallMs = 60_000;

const optionNames = [
  'info',
  'onProgress',
  'timeoutMs',
  'signal',
] as const satisfies readonly (keyof SendStateOptions)[];

/** Does the work of {@link Node.sendState} over a connection. */
export async function sendStateOver(
  peer: NodeConnection,
  state: StateDictLike,
  options: SendStateOptions,
  runtime: Runtime,
): Promise<void> {
  checkOptions(options, optionNames);
  const { info = null, onProgress, timeoutMs = defaultStallMs, signal } = options;
  if (onProgress !== undefined) checkType('onProgress', onProgress, 'function');
  checkTimeout(timeoutMs);
  checkSignal(signal);
  const entries = entriesOf(state);
  const parts = [encodeManifest(entries), ...entries.map(([, { data }]) => data)];
  const manifestBytes = parts[0]!.length;
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  const sha256 = await hashOf(parts);
  const bytes = total - manifestBytes;
  const header = headerData({ sha256, bytes, manifestBytes, tensors: entries.length, info });
  const stream = await peer.openStream(header, { timeoutMs, signal });
  const watch = new StallWatch(runtime, {
    timeoutMs,
    isSuspended: () => peer.isSuspended,
    onStalled: () =>
      stream.abort(new PeerloomError('ERR_TIMEOUT', `nothing of the state moved for ${timeoutMs} ms`)),
  });
  const abort = (): void => stream.abort('the sender gave up');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const start = await readAnswer(peer, stream);
    if (start > total)
      throw new PeerloomError('ERR_PROTOCOL', `${peerLabel(peer)} asked for bytes behind the end`);
    const report = (position: number): void => {
      watch.moved();
      onProgress?.(Math.max(0, position - manifestBytes), bytes);
    };
    report(start);
    await writeFrom(stream, parts, start, report);
    stream.end();
    await readToEnd(stream);
    await stream.closed;
  } catch (error) {
    throw causeOf(error, stream, { signal, timeoutMs });
  } finally {
    watch.stop();
    signal?.removeEventListener('abort', abort);
  }
}

/** The hash of the parts. Yields to the event loop between turns. */
async function hashOf(parts: readonly Uint8Array[]): Promise<string> {
  const hash = runningSha256();
  let hashed = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += pieceBytes) {
      const piece = part.subarray(at, at + pieceBytes);
      hash.update(piece);
      hashed += piece.length;
      if (hashed < turnBytes) continue;
      hashed = 0;
      await new Promise<void>((resolve) => void inNextTurn(resolve));
    }
  }
  return hash.hex();
}

/** @returns the position to send from. */
async function readAnswer(peer: NodeConnection, stream: PeerStream): Promise<number> {
  let answer = new Uint8Array(0);
  for (;;) {
    const more = await stream.read();
    if (more !== undefined) answer = Uint8Array.of(...answer, ...more);
    const isRefused = answer[0] === Answer.refused;
    if (answer[0] === Answer.accepted && answer.length === acceptedBytes) {
      return Number(new DataView(answer.buffer).getBigUint64(1));
    }
    if (isRefused && more === undefined) {
      stream.end();
      const reason = printable(new TextDecoder().decode(answer.subarray(1)));
      throw new PeerloomError('ERR_STATE_REFUSED', `${peerLabel(peer)} refused the state: ${reason}`);
    }
    if (more === undefined || answer.length > 2_000 || (!isRefused && answer.length > acceptedBytes)) {
      throw new PeerloomError(
        'ERR_PROTOCOL',
        `${peerLabel(peer)} answered the offer of a state with something else`,
      );
    }
  }
}

async function writeFrom(
  stream: PeerStream,
  parts: readonly Uint8Array[],
  start: number,
  report: (position: number) => void,
): Promise<void> {
  let position = 0;
  for (const part of parts) {
    const end = position + part.length;
    for (let at = Math.max(0, start - position); at < part.length; ) {
      const piece = part.subarray(at, at + pieceBytes);
      at += piece.length;
      if (!stream.write(piece)) await stream.drained();
      report(position + at);
    }
    position = end;
  }
}

async function readToEnd(stream: PeerStream): Promise<void> {
  while ((await stream.read()) !== undefined);
}

/** The error for the caller. The receiver is told of it too. */
function causeOf(
  error: unknown,
  stream: PeerStream,
  { signal, timeoutMs }: { signal: AbortSignal | undefined; timeoutMs: number },
): unknown {
  const cause = (error as { cause?: unknown }).cause;
  if (signal?.aborted)
    return new PeerloomError('ERR_ABORTED', 'sendState was aborted', { cause: signal.reason });
  if (cause instanceof PeerloomError && cause.code === 'ERR_TIMEOUT') {
    return new PeerloomError('ERR_TIMEOUT', `nothing of the state moved for ${timeoutMs} ms`);
  }
  if (isPeerloomError(error) && error.code === 'ERR_STREAM_ABORTED') {
    return new PeerloomError(
      'ERR_STATE_REFUSED',
      `${peerLabel(stream.connection)} ended the transfer: ${error.message}`,
      { cause: error },
    );
  }
  stream.abort(error);
  return error;
}
