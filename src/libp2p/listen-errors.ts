import type { Address } from '../base/address.ts';
import { explain } from '../transport/tcp/system-errors.ts';
import { causesOf } from './dial-errors.ts';

/** Returns an error that explains why libp2p does not listen at an address. */
export function explainListen(error: unknown, address: Address): Error {
  const known = causesOf(error).find((one) => typeof (one as { code?: unknown }).code === 'string');
  return explain(known ?? withSystemCode(error), address, 'listening');
}

/** Adds the system's error code, because libp2p reports failures to listen only as text. */
function withSystemCode(error: unknown): Error {
  const text = String(error);
  const known = /\b(EADDRINUSE|EADDRNOTAVAIL|EACCES|ENOTFOUND|EAI_AGAIN)\b/.exec(text)?.[1];
  // WebRTC only reports that it did not get the port, or that this process already uses it.
  const code = known ?? (/UDP mux|already a listener/.test(text) ? 'EADDRINUSE' : undefined);
  return Object.assign(new Error(text, { cause: error }), { code });
}

/** Returns several addresses as one, for an error. */
export function textAddress(texts: readonly string[]): Address {
  return { text: texts.join(', '), scheme: 'libp2p', host: '', port: 0 };
}
