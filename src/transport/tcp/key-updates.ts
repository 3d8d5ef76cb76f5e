import type { TLSSocket } from 'node:tls';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Role } from '../pipe/plain-proof.ts';

/** How many key updates and session tickets the other side may send in a burst. */
const maxUpdates = 32;

/** After this many milliseconds it may send one more. No implementation of TLS needs that many. */
const updateEveryMs = 1_000;

/** OpenSSL's names for the secrets that result from the other side's key updates. */
const updateLabels = { client: 'SERVER_TRAFFIC_SECRET_N ', server: 'CLIENT_TRAFFIC_SECRET_N ' } as const;

/**
 * Ends a TLS connection whose other side keeps TLS busy without sending data. Key updates (RFC 8446, section 4.6.3) and
 * session tickets (section 4.6.1) are ten times as expensive as their bytes suggest, and Node.js reads a few MiB of
 * them at once.
 *
 * Node.js reports key updates only through `keylog`, which is meant for decrypting recordings. OpenSSL calls it while
 * it reads, so a flood is stopped in the middle.
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
    line.fill(0); // erase the secret
    if (isUpdate) count();
  });
  if (role === 'client') secured.on('session', count);
}
