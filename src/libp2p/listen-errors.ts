import type { Address } from '../base/address.ts';
import { explain } from '../transport/tcp/system-errors.ts';
import { causesOf } from './dial-errors.ts';

/** Says why libp2p does not listen at an address. */
export function explainListen(error: unknown, address: Address): Error {
  const known = causesOf(error).find((one) => typeof (one as { code?: unknown }).code === 'string');
  return explain(known ?? withSystemCode(error), address, 'listening');
}

/** libp2p reports failures to listen as text. */
function withSystemCode(error: unknown): Error {
  const text = String(error);
  const known = /\b(EADDRINUSE|EADDRNOTAVAIL|EACCES|ENOTFOUND|EAI_AGAIN)\b/.exec(text)?.[1];
  // WebRTC says no more than that it has not got the port, or that this process has it.
  const code = known ?? (/UDP mux|already a listener/.test(text) ? 'EADDRINUSE' : undefined);
  return Object.assign(new Error(text, { cause: error }), { code });
}

/** What an error calls several addresses. */
export function textAddress(texts: readonly string[]): Address {
  return { text: texts.join(', '), scheme: 'libp2p', host: '', port: 0 };
}
