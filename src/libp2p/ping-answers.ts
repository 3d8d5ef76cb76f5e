import type { Stream } from '@libp2p/interface';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';

/** libp2p's protocol for measuring round trips. The receiver returns what arrives, 32 bytes at a time. */
export const pingProtocol = '/ipfs/ping/1.0.0';

/** The most simultaneous ping streams of one connection. A program uses one. */
export const maxPingStreams = 2;

/** The most bytes of pings on one stream in a second: 256 pings. */
const maxPingBytes = 8_192;

/** Answers the pings of another node, even if that node is not a peer. */
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
