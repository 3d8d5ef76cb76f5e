import { type Address, formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import { type ErrorCode, PeerloomError } from '../base/errors.ts';
import { inDial, networkKeyMessage } from '../transport/pipe/handshake-errors.ts';
import { explain } from '../transport/tcp/system-errors.ts';
import { isRelayed, parseMultiaddr, relayOf } from './multiaddr-text.ts';

/** How far a dial got. */
export interface DialProgress {
  /** Whether the other side accepted the connection, so that encryption was being negotiated. */
  readonly isConnected: boolean;
  /** Whether the encrypted connection was established. */
  readonly isEncrypted: boolean;
}

/** Errors of libp2p by name, with the code and the text for the user. */
const byName: Readonly<Record<string, readonly [ErrorCode, (address: string) => string]>> = {
  TransportUnavailableError: [
    'ERR_UNREACHABLE',
    (address) => `no transport of this node's libp2p() reaches ${address}: choose another preset or address`,
  ],
  NoValidAddressesError: [
    'ERR_UNREACHABLE',
    (address) =>
      `${address} cannot be dialled: no transport of this node's libp2p() reaches it, or it is the address of this node itself`,
  ],
  UnsupportedProtocolError: [
    'ERR_HANDSHAKE',
    (address) => `${address} is a libp2p node that does not speak /peerloom/1: start a peerloom node there`,
  ],
};

/**
 * Explains a failed dial. The codes of the system, of the relay protocol and of libp2p's handshakes become codes of
 * this package.
 */
export function explainDial(error: unknown, address: Address, progress: DialProgress): Error {
  if (error instanceof PeerloomError) return inDial(error, address) as Error;
  const text = formatAddress(address);
  const all = causesOf(error);
  const said = saidBy(error);
  const make = (code: ErrorCode, message: string): PeerloomError =>
    new PeerloomError(code, message, { cause: error });
  if (/dial self/i.test(said)) {
    return make('ERR_SELF_CONNECTION', `${text} leads to this node itself: use the address of another node`);
  }
  if (/does not match expected|not the expected peer|unexpected peer/i.test(said)) {
    return make('ERR_ID_MISMATCH', `${text}: another node answered than the id says: ${said}`);
  }
  // Over a relay, `progress` may describe the connection with the relay, not the one through it.
  const isRefused = statusIn(said) !== undefined;
  if (isRelayed(multiaddrText(address)) && (isRefused || !progress.isConnected))
    return explainRelayed(error, text, said);
  if (progress.isConnected && !progress.isEncrypted) {
    if (said.includes('does not speak libp2p')) return make('ERR_HANDSHAKE', `${text}: ${said}`);
    if (/timed? ?out|TimeoutError/i.test(said)) return make('ERR_TIMEOUT', `${text} did not answer in time`);
    // With a different key, or none, the other side reads noise, and hangs up.
    return make('ERR_NETWORK_MISMATCH', `${text}: ${networkKeyMessage}`);
  }
  for (const one of all) {
    const known = byName[(one as Error).name];
    if (known !== undefined) return make(known[0], known[1](text));
  }
  if (all.some((one) => (one as { type?: unknown }).type === 'error' && !(one instanceof Error))) {
    // The runtime's WebSocket does not report the reason.
    return make(
      'ERR_CONNECTION_REFUSED',
      `no WebSocket could be opened at ${text}: check that a node listens there`,
    );
  }
  const ofSystem = all.find((one) => systemCode.test((one as { code?: string }).code ?? ''));
  if (ofSystem !== undefined) return explain(ofSystem, address, 'dialling');
  if (progress.isEncrypted && all.some(isCloseEvent)) {
    return make('ERR_CONNECTION_CLOSED', `the stream to ${text} ${said}: dial again`);
  }
  if (progress.isEncrypted) return make('ERR_HANDSHAKE', `${text}: the handshake failed: ${said}`);
  if (/timed? ?out|TimeoutError/i.test(said)) return make('ERR_TIMEOUT', `${text} did not answer in time`);
  return make('ERR_UNREACHABLE', `dialling ${text} failed: ${said}`);
}

const systemCode = /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOST|ENET|ETIMEDOUT)/;

/** Statuses of the relay protocol (circuit-relay v2 specification, section "Status codes"). */
const relayStatuses: Readonly<Record<string, string>> = {
  RESERVATION_REFUSED: 'it has no place left for this node',
  RESOURCE_LIMIT_EXCEEDED: 'it carries as many connections as it may',
  PERMISSION_DENIED: 'it does not let this node connect',
  CONNECTION_FAILED: 'it could not reach the node behind it',
  NO_RESERVATION: 'the node behind it is not there, or has no reservation with it',
};

/** Returns the reason why a relay has no place for this node. */
export function explainReservation(error: unknown, relay: string): string {
  const status = statusIn(saidBy(error));
  if (status !== undefined) return `it refused: ${relayStatuses[status]} (${status})`;
  return explainDial(error, parseMultiaddr(relay)!, { isConnected: false, isEncrypted: false }).message;
}

function saidBy(error: unknown): string {
  return causesOf(error)
    .map((one) => (isCloseEvent(one) ? 'closed during the handshake' : messageOf(one)))
    .join('; ');
}

/** If a stream closes, libp2p rejects with its event. The event has no message, and bundlers shorten its class name. */
function isCloseEvent(one: unknown): boolean {
  return !(one instanceof Error) && (one as { type?: unknown }).type === 'close';
}

function statusIn(said: string): string | undefined {
  return Object.keys(relayStatuses).find((one) => said.includes(one));
}

function explainRelayed(error: unknown, text: string, said: string): PeerloomError {
  const relay = relayOf(text) ?? 'the relay';
  const status = statusIn(said);
  const message =
    status === undefined
      ? `${text} was not reached through the relay ${relay}: ${said}`
      : `${text}: the relay ${relay} refused: ${relayStatuses[status]} (${status})`;
  return new PeerloomError('ERR_UNREACHABLE', message, { cause: error });
}

function multiaddrText({ text }: Address): string {
  return text ?? '';
}

/** Returns an error and everything that it names as a cause. */
export function causesOf(error: unknown): readonly unknown[] {
  const found: unknown[] = [];
  const visit = (one: unknown): void => {
    if (one === undefined || one === null || found.includes(one) || found.length > 30) return;
    found.push(one);
    const { errors, cause, error } = one as { errors?: unknown; cause?: unknown; error?: unknown };
    // The event of a failed WebSocket.
    visit(error);
    if (Array.isArray(errors)) for (const inner of errors) visit(inner);
    visit(cause);
  };
  visit(error);
  return found;
}
