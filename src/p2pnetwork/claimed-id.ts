import { PeerloomError } from '../base/errors.ts';
import { isPeerId } from '../identity/identity.ts';
import { decodeText } from '../wire/payloads/text.ts';

/** The longest id that a user may choose. The Python package itself reads at most 4 KiB. */
const maxIdBytes = 256;

/** Every id of a peerloom node begins like this. */
const peerIdStart = '12D3KooW';

/**
 * Characters that are invisible or change their neighbours: control and format characters, line separators, characters
 * that programs ignore, the blank Braille pattern, and every space except the ordinary one.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|^ | $/u;

/** The other side gave an id that only peerloom nodes have. It is such a node, and speaks TLS, or it lies. */
export class PeerIdClaimed extends PeerloomError {
  constructor() {
    super(
      'ERR_HANDSHAKE',
      'it claims the id of a peerloom node, which only TLS can prove: dial peerloom nodes by tls://, or by p2pnetwork+tls:// where a node of either kind may listen',
    );
  }
}

/**
 * Reads an unproven id. People compare ids by eye, so the id must not contain invisible characters, and it must not
 * contain the beginning of a peerloom id.
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
  // Some characters are other forms of these letters, such as full-width ones.
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
