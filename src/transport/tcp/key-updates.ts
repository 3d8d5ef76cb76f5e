import type { TLSSocket } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Role } from '../pipe/plain-proof.ts';

/** Key updates and session tickets that the other side may send at once. */
const maxUpdates = 32;

/** After this many milliseconds it may send one more. No implementation of TLS needs that many. */
const updateEveryMs = 1_000;

/** What OpenSSL calls the secret that a key update of the other side leads to. */
const updateLabels = { client: 'SERVER_TRAFFIC_SECRET_N ', server: 'CLIENT_TRAFFIC_SECRET_N ' } as const;

/**
 * Ends a TLS connection whose other side keeps TLS busy instead of sending data. Key updates (RFC 8446, section 4.6.3)
 * and session tickets (section 4.6.1) cost this side ten times what they cost in bytes, and Node.js reads a few MiB of
 * them in one go.
 *
 * Node.js reports key updates only by the secrets that it offers to those who want to decrypt recordings. Those calls
 * come from inside OpenSSL, so a flood ends in the middle of it.
 */
export function boundKeyUpdates(secured: TLSSocket, role: Role, runtime: Runtime): void {
  let left = maxUpdates;
  let refilledAtMs = runtime.now();
  const count = (): void => {
    const nowMs = runtime.now();
    left = Math.min(maxUpdates, left + (nowMs - refilledAtMs) / updateEveryMs) - 1;
    refilledAtMs = nowMs;
    if (left >= 0 || secured.destroyed) return;
    const message = 'the other side sends key updates or session tickets of TLS in a loop';
    secured.destroy(new PeerloomError('ERR_PROTOCOL', message));
  };
  secured.on('keylog', (line) => {
    const isUpdate = line.includes(updateLabels[role], 0, 'latin1');
    line.fill(0); // nobody needs the secret
    if (isUpdate) count();
  });
  if (role === 'client') secured.on('session', count);
}
