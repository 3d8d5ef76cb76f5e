import { sha256 } from '@noble/hashes/sha2.js';
import { PeerloomError } from '../../base/errors.ts';
import { joined } from '../../wire/frames/memory.ts';
import { type CipherName, cipherNames } from '../noise/cipher-names.ts';
import { NoiseHandshake, type NoiseSession } from '../noise/noise-handshake.ts';
import { networkKeyMessage } from '../pipe/handshake-errors.ts';
import { ClosedWith, type MessageQueue, type MessageSocket } from './message-socket.ts';
import { checkKeyProof, keyProofBytes, type NoiseKey } from './noise-key.ts';

/** The close code of a listener that cannot read the first message, because the network keys differ. */
export const wrongKeyCode = 4001;

const networkHashBytes = 32;

/** The subprotocols of WebSocket (RFC 6455, section 1.9), one for each cipher. */
export function subprotocolOf(cipher: CipherName): string {
  return `peerloom.1.${cipher.toLowerCase()}`;
}

/** The cipher of a subprotocol, if it is one of peerloom's. */
export function cipherOf(subprotocol: string): CipherName | undefined {
  return cipherNames.find((cipher) => subprotocolOf(cipher) === subprotocol);
}

/** What the two sides of a WebSocket agreed on when it was opened. */
export interface Agreement {
  /** The subprotocols that the dialler offered, in order. */
  readonly offered: readonly string[];
  /** The one that the listener chose. */
  readonly chosen: string;
}

/** This side of a WebSocket that becomes a link. */
export interface SecureSide extends Agreement {
  readonly socket: MessageSocket;
  readonly messages: MessageQueue;
  readonly noiseKey: NoiseKey;
  readonly network: string;
  readonly networkSecret: Uint8Array | undefined;
}

/** What both sides know after the handshake. */
export interface SecuredSocket {
  readonly remoteId: string;
  readonly isOfOtherNetwork: boolean;
  readonly session: NoiseSession;
}

/**
 * The dialling side of the handshake (docs/protocol.md, section 14): each message of Noise is a message of the
 * WebSocket.
 *
 *    dialler   psk, e                               ──►
 *              ◄──   e, ee, s, es: proof                  listener
 *              s, se: proof, network hash           ──►
 *
 * @param checkId throws if the node that has proven this id is not the expected one.
 * @throws PeerloomError `ERR_HANDSHAKE`, `ERR_NETWORK_MISMATCH`, `ERR_CONNECTION_CLOSED`, and what `checkId` throws.
 */
export async function secureDialled(side: SecureSide, checkId: (id: string) => void): Promise<SecuredSocket> {
  const { socket, messages, noiseKey } = side;
  const noise = await messages.unlessEnded(noiseOf(side, 'initiator'));
  socket.send(await noise.write());
  const second = await messages.next().catch((error: PeerloomError) => {
    const isWrongKey = error.cause instanceof ClosedWith && error.cause.code === wrongKeyCode;
    throw isWrongKey ? new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage, { cause: error }) : error;
  });
  const proof = await read(noise, second, keyProofBytes);
  const remoteId = checkKeyProof(proof, noise.remoteStatic);
  checkId(remoteId);
  const ourProof = await messages.unlessEnded(noiseKey.proof());
  socket.send(await noise.write(joined([ourProof, networkHashOf(side.network)])));
  return { remoteId, isOfOtherNetwork: false, session: noise.finish() };
}

/** The listening side. @throws PeerloomError as {@link secureDialled}. */
export async function secureAccepted(side: SecureSide): Promise<SecuredSocket> {
  const { socket, messages, noiseKey } = side;
  const noise = await messages.unlessEnded(noiseOf(side, 'responder'));
  const first = await messages.next();
  try {
    await read(noise, first, 0);
  } catch (cause) {
    socket.close(wrongKeyCode);
    throw new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage, { cause });
  }
  socket.send(await noise.write(await messages.unlessEnded(noiseKey.proof())));
  const payload = await read(noise, await messages.next(), keyProofBytes + networkHashBytes);
  const remoteId = checkKeyProof(payload, noise.remoteStatic);
  const ours = networkHashOf(side.network);
  const isOfOtherNetwork = payload.subarray(keyProofBytes).some((byte, at) => byte !== ours[at]);
  return { remoteId, isOfOtherNetwork, session: noise.finish() };
}

async function noiseOf(side: SecureSide, role: 'initiator' | 'responder'): Promise<NoiseHandshake> {
  const { offered, chosen, networkSecret, noiseKey } = side;
  const cipher = cipherOf(chosen);
  if (cipher === undefined || !offered.includes(chosen)) {
    throw new PeerloomError(
      'ERR_HANDSHAKE',
      'the other side does not speak the WebSocket protocol of peerloom in this version: check what listens there',
    );
  }
  const prologue = new TextEncoder().encode(`peerloom websocket 1\n${offered.join(',')}\n${chosen}`);
  return NoiseHandshake.begin({
    role,
    cipher,
    prologue,
    staticKey: await noiseKey.pair(),
    presharedKey: networkSecret,
  });
}

async function read(noise: NoiseHandshake, message: Uint8Array, payloadBytes: number): Promise<Uint8Array> {
  let payload: Uint8Array;
  try {
    payload = await noise.read(message);
  } catch (cause) {
    const text =
      'a message of its Noise handshake cannot be read: it was altered on the way, or is of another version';
    throw new PeerloomError('ERR_HANDSHAKE', text, { cause });
  }
  if (payload.length === payloadBytes) return payload;
  const text = `a message of its Noise handshake brings ${payload.length} bytes, not ${payloadBytes}`;
  throw new PeerloomError('ERR_HANDSHAKE', text);
}

function networkHashOf(network: string): Uint8Array {
  return sha256(new TextEncoder().encode(network));
}
