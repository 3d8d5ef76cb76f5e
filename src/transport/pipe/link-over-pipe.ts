import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { NodeDuplex } from '../../base/node-duplex.ts';
import { unlessAborted } from '../../base/unless-aborted.ts';
import type { ExpectedPeer, Link, TransportContext } from '../transport.ts';
import { checkPinned, unexpected } from './handshake-errors.ts';
import { PipeLink } from './pipe-link.ts';
import { authenticatePlain } from './plain-proof.ts';
import { identityFor } from './sign-for.ts';

/** The options of {@link linkOverPipe}. */
export interface PipeOptions {
  /** The role of this node. The other end must have the other role. */
  readonly role: 'dialler' | 'listener';
  /** The word for `security.protocol`. */
  readonly protocol: string;
  /** The address that was dialled. For a listener: the address from which the pipe comes. */
  readonly remoteAddress: Address;
  /** See {@link Link.limitsByAddress}. Default true. */
  readonly limitsByAddress?: boolean | undefined;
  /** The argument of `dial`. If an id is pinned, this node proves its own id to no other node. */
  readonly expected?: ExpectedPeer | undefined;
  /** The argument of `dial`. When it fires, the function rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * For your own transports: turns a pipe into a link. Both ends of the pipe call it, and each proves its id to the other
 * with its key. A pipe is any two-way stream of Node.js that carries bytes: a socket, or the two streams of a child
 * process joined by `Duplex.from`. Nothing may have been read from it yet. When one end closes, the other must end too.
 *
 * The proof neither encrypts nor protects what follows, so `security.encrypted` is false: an attacker between the two
 * nodes can relay the proof, and then read and change everything. It is the handshake of plain TCP (docs/protocol.md,
 * clause 2.11).
 *
 * If the function rejects, it has destroyed the pipe. An error of the pipe never ends the process.
 *
 * @param context what the node gave `attach`.
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_ID_MISMATCH`, `ERR_TIMEOUT` after `limits.handshakeTimeoutMs`, or
 * `ERR_CONNECTION_CLOSED` with the error of the pipe as its `cause`; the reason of the signal.
 */
export async function linkOverPipe(
  pipe: NodeDuplex,
  context: TransportContext,
  { role, protocol, remoteAddress, limitsByAddress, expected, signal }: PipeOptions,
): Promise<Link> {
  const { identity, runtime } = context;
  const { handshakeTimeoutMs } = context.limits;
  const startedAt = runtime.now();

  pipe.on('error', () => {});
  const late = Promise.withResolvers<never>();
  const timer = runtime.setTimeout(() => {
    const message = `the handshake took more than ${handshakeTimeoutMs} ms (limits.handshakeTimeoutMs)`;
    late.reject(new PeerloomError('ERR_TIMEOUT', message));
  }, handshakeTimeoutMs);
  const proven = authenticatePlain(pipe, {
    identity: identityFor(pipe, identity),
    role: role === 'dialler' ? 'client' : 'server',
    runtime,
    checkId: (id) => checkPinned(id, expected),
  });
  try {
    const first = Promise.race([proven, late.promise]);
    const remoteId = await (signal === undefined ? first : unlessAborted(first, signal));
    const security = { protocol, encrypted: false, authenticated: true };
    const details = { remoteId, remoteAddress, security, startedAt, runtime };
    // A link ends once the other side has ended it. Sockets then end their own side automatically, other streams may
    // not.
    pipe.once('end', () => pipe.end());
    return new CopyingLink(pipe, { ...details, limitsByAddress: limitsByAddress ?? true });
  } catch (error) {
    pipe.destroy();
    if (error instanceof PeerloomError || signal?.aborted) throw error;
    throw unexpected(error);
  } finally {
    timer.cancel();
  }
}

/**
 * A link that copies what it writes: streams other than sockets may keep the memory after their callback, or pass it to
 * a reader in this process.
 */
class CopyingLink extends PipeLink {
  override send(bytes: Uint8Array, sent?: () => void): boolean {
    return super.send(new Uint8Array(bytes), sent);
  }
}
