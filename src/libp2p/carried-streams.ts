import type { Stream } from '@libp2p/interface';
import type { Address } from '../base/address.ts';
import type { Runtime } from '../base/runtime.ts';
import { StreamLink } from './stream-link.ts';

/** How long one side of a carried connection may take to send its remaining data after the other side ended, in ms. */
const closeTimeoutMs = 5_000;

/** The request of libp2p's relay to the node behind it. */
interface StopRequest {
  readonly request: { readonly limit?: { readonly data?: bigint | undefined } | undefined };
}

/** A stream on which both sides first exchange messages, and which then carries bytes. */
interface HopStream {
  pb(codec: unknown): unknown;
  unwrap(): Stream;
}

interface ConnectRequest {
  readonly stream: HopStream;
}

/** The parts of libp2p's relay that join two streams. */
interface RelayService {
  handleConnect(request: ConnectRequest, options: unknown): Promise<void>;
  stopHop(request: StopRequest, options: unknown): Promise<Stream | undefined>;
}

/**
 * Makes a relay of libp2p carry connections in bounded memory. libp2p's own code (`@libp2p/circuit-relay-v2` 4.2.13)
 * keeps everything that the dialling side ever sent, because it subscribes to that stream twice and reads it once. It
 * also continues to read while the other side accepts nothing. So libp2p opens both streams but receives stand-ins for
 * them, and this function joins the real streams.
 */
export function carryInBounds<Service extends object>(service: Service, runtime: Runtime): Service {
  const relay = service as unknown as RelayService;
  const { handleConnect, stopHop } = relay;
  relay.handleConnect = async (given, options) => {
    const { stream } = given;
    let behind: Stream | undefined;
    let maxBytes: bigint | undefined;
    const standIns: StandIn[] = [];
    const standInFor = (real: Stream): Stream => {
      const standIn = new StandIn(real);
      standIns.push(standIn);
      return standIn as unknown as Stream;
    };
    const thisCall: RelayService = Object.assign(Object.create(service), {
      stopHop: async (asked: StopRequest, stopOptions: unknown): Promise<Stream | undefined> => {
        behind = await stopHop.call(relay, asked, stopOptions);
        maxBytes = asked.request.limit?.data;
        return behind && standInFor(behind);
      },
    });
    const unwrap = (): Stream => {
      const real = stream.unwrap();
      const ended = join(real, behind!, { maxBytes, runtime });
      void ended.then(() => {
        for (const standIn of standIns) standIn.end();
      });
      return standInFor(real);
    };
    await handleConnect.call(
      thisCall,
      { ...given, stream: { pb: (codec: unknown) => stream.pb(codec), unwrap } },
      options,
    );
  };
  return service;
}

/**
 * A stand-in for a stream. It ends with the real stream. If it is aborted, for example by a time limit, so is the real
 * one.
 */
class StandIn extends EventTarget {
  writeStatus = 'writable';
  readonly #real: Stream;

  constructor(real: Stream) {
    super();
    this.#real = real;
  }

  abort(error: Error): void {
    this.#real.abort(error);
  }

  send(): boolean {
    return true;
  }

  async close(): Promise<void> {}

  end(): void {
    this.writeStatus = 'closed';
    this.dispatchEvent(new Event('close'));
  }
}

interface JoinOptions {
  readonly maxBytes: bigint | undefined;
  readonly runtime: Runtime;
}

/** Joins two streams. Each is read only as fast as the other accepts data. Resolves when both have ended. */
async function join(one: Stream, other: Stream, { maxBytes, runtime }: JoinOptions): Promise<void> {
  const [first, second] = [linkOver(one, runtime), linkOver(other, runtime)];
  let leftBytes = maxBytes === undefined ? Number.POSITIVE_INFINITY : Number(maxBytes);
  const carry = (from: StreamLink, to: StreamLink): void => {
    from.onMessage = (bytes) => {
      leftBytes -= bytes.length;
      if (leftBytes < 0) {
        first.destroy();
        second.destroy();
      } else if (!to.send(bytes)) {
        from.pause();
        void to.drained().then(() => from.resume());
      }
    };
    void from.closed.then((error) => (error === undefined ? to.close(closeTimeoutMs) : to.destroy()));
  };
  carry(first, second);
  carry(second, first);
  await Promise.all([first.closed, second.closed]);
}

function linkOver(stream: Stream, runtime: Runtime): StreamLink {
  return new StreamLink({
    stream,
    remoteId: '',
    remoteAddress: nowhere,
    limitsByAddress: true,
    startedAt: runtime.now(),
    runtime,
    path: () => ({ kind: 'direct' }),
  });
}

const nowhere: Address = { scheme: undefined, host: '', port: 0 };
