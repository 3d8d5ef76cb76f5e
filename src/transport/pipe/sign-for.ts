import type { Duplex } from 'node:stream';
import { PeerloomError } from '../../base/errors.ts';
import { Identity } from '../../identity/identity.ts';
import type { NodeIdentity } from '../../identity/signer.ts';

/**
 * The identity of the node for use by one connection. A signer may take long, or never answer, so when the connection
 * ends, a waiting `sign` rejects with `ERR_CONNECTION_CLOSED`.
 */
export function identityFor(pipe: Duplex, identity: NodeIdentity): NodeIdentity {
  if (Identity.isGenuine(identity)) return identity;
  const { id, publicKey } = identity;
  return { id, publicKey, sign: (message) => signWhileOpen(pipe, identity, message) };
}

async function signWhileOpen(pipe: Duplex, identity: NodeIdentity, message: Uint8Array): Promise<Uint8Array> {
  const { promise: closed, reject } = Promise.withResolvers<never>();
  const onClose = (): void =>
    reject(new PeerloomError('ERR_CONNECTION_CLOSED', 'the connection closed while this node was signing'));
  // Without a listener, this error would end the process. Another error is reported.
  const onError = (): void => {};
  pipe.on('close', onClose).on('error', onError);
  if (pipe.destroyed) onClose();
  try {
    return await Promise.race([identity.sign(message), closed]);
  } finally {
    pipe.off('close', onClose).off('error', onError);
  }
}
