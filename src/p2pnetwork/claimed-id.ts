import { PeerloomError } from '../base/errors.ts';
import { isPeerId } from '../identity/identity.ts';
import { decodeText } from '../wire/payloads/text.ts';

/** Of an id that a user chose. The Python package itself reads 4 KiB at most. */
const maxIdBytes = 256;

/** Every id of a peerloom node begins so. */
const peerIdStart = '12D3KooW';

/**
 * What shows nothing, or changes what stands beside it: control and format characters, separators of lines, characters
 * that programs pass over, the blank Braille pattern, and every space but the ordinary one.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|^ | $/u;

/** The other side gave an id that only a peerloom node has: it is one, and speaks TLS, or it lies. */
export class PeerIdClaimed extends PeerloomError {
  constructor() {
    super(
      'ERR_HANDSHAKE',
      'it claims the id of a peerloom node, which only TLS can prove: dial peerloom nodes by tls://, or by p2pnetwork+tls:// where a node of either kind may listen',
    );
  }
}

/**
 * Reads an id that nothing proves. People take an id for what they see of it, so it must not look like another one by
 * characters that nobody sees, and it must not hold the beginning of a peerloom id.
 *
 * @throws PeerloomError `ERR_HANDSHAKE`; {@link PeerIdClaimed} for the id of a peerloom node.
 */
export function readClaimedId(bytes: Uint8Array): string {
  checkIdLength(bytes.length);
  let id: string;
  try {
    id = decodeText(bytes);
  } catch (cause) {
    throw new PeerloomError('ERR_HANDSHAKE', 'its id is not UTF-8', { cause });
  }
  if (id === '') throw new PeerloomError('ERR_HANDSHAKE', 'its id is empty');
  if (isPeerId(id)) throw new PeerIdClaimed();
  if (invisible.test(id)) {
    const message = 'its id contains control characters or other invisible characters';
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  // Some characters are other forms of these, such as wide ones.
  if (id.normalize('NFKC').includes(peerIdStart)) {
    const message = `its id contains ${peerIdStart}, with which only ids of peerloom nodes begin`;
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  return id;
}

/** @throws PeerloomError `ERR_HANDSHAKE`. */
export function checkIdLength(idBytes: number): void {
  if (idBytes <= maxIdBytes) return;
  throw new PeerloomError('ERR_HANDSHAKE', `its id is longer than ${maxIdBytes} bytes`);
}
