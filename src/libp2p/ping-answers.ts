import type { Stream } from '@libp2p/interface';
import { PeerloomError } from '../base/errors.ts';

/** The protocol with which other libp2p programs measure round trips: it sends back what arrives, 32 bytes at a time. */
export const pingProtocol = '/ipfs/ping/1.0.0';

/** Streams of pings of one connection at once: a program uses one. */
export const maxPingStreams = 2;

/** What may arrive at once: a program waits for the answer to a ping before its next one. */
const maxPingBytes = 1_024;

/** Answers the pings of another node, which it need not be connected with. */
export function answerPings(stream: Stream): void {
  stream.addEventListener('message', ({ data }) => {
    if (stream.writeStatus !== 'writable') return;
    if (data.byteLength > maxPingBytes || stream.writableNeedsDrain) {
      stream.abort(new PeerloomError('ERR_PROTOCOL', 'the other side pings without waiting for answers'));
    } else {
      stream.send(data.subarray().slice());
    }
  });
  stream.addEventListener('remoteCloseWrite', () => {
    stream.close().catch(() => {});
  });
}
