import type { Stream } from '@libp2p/interface';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';

/** The protocol with which other libp2p programs measure round trips: it sends back what arrives, 32 bytes at a time. */
export const pingProtocol = '/ipfs/ping/1.0.0';

/** Streams of pings of one connection at once: a program uses one. */
export const maxPingStreams = 2;

/** Bytes of pings that one stream may bring in a second: 256 pings. */
const maxPingBytes = 8_192;

/** Answers the pings of another node, which it need not be connected with. */
export function answerPings(stream: Stream, runtime: Runtime): void {
  let since = runtime.now();
  let bytes = 0;
  stream.addEventListener('message', ({ data }) => {
    if (stream.writeStatus !== 'writable') return;
    if (runtime.now() - since >= 1_000) {
      since = runtime.now();
      bytes = 0;
    }
    bytes += data.byteLength;
    if (bytes <= maxPingBytes) stream.send(data.subarray().slice());
    else stream.abort(new PeerloomError('ERR_PROTOCOL', 'the other side pings too often'));
  });
  stream.addEventListener('remoteCloseWrite', () => {
    stream.close().catch(() => {});
  });
}
