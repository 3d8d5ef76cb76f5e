import { shown } from '../base/arguments.ts';
import { isPeerId } from '../identity/identity.ts';
import { readClaimedId } from '../p2pnetwork/claimed-id.ts';
import { encodeText } from '../wire/payloads/text.ts';

/** Every id of a peerloom node begins like this, in lower case here. */
const peerIdStart = '12d3koow';

const rule = 'must be the complete id of a node, in the right case and without spaces around it';

/**
 * Refuses text that cannot be the id of a node. Otherwise a `deny` list with a misspelt id would deny nobody.
 *
 * @throws TypeError with the argument's name, the rule and the text.
 */
export function checkGivenId(name: string, id: string): void {
  if (isPeerId(id)) return;
  const isMiswritten = id.toLowerCase().includes(peerIdStart) || isDigestInCapitals(id);
  if (isMiswritten || !isPythonId(id)) throw new TypeError(`${name} ${rule}; ${shown(id)} cannot be an id`);
}

/** @throws TypeError for the id of a Python node, which is not proven: `allow` takes only proven ids. */
export function checkAllowed(ids: ReadonlySet<string>): ReadonlySet<string> {
  for (const id of ids) {
    if (isPeerId(id)) continue;
    throw new TypeError(
      `allow must hold ids that begin with 12D3KooW, not ${shown(id)}: a Python node only claims its id, so decide on Python nodes in authorize`,
    );
  }
  return ids;
}

/** Whether it is a SHA-512 in capital letters. A Python node makes its own id in small letters. */
function isDigestInCapitals(id: string): boolean {
  return /^[\da-f]{128}$/i.test(id) && id !== id.toLowerCase();
}

/** Whether a Python node may have this id. Its users may choose almost any id. */
function isPythonId(id: string): boolean {
  try {
    return readClaimedId(encodeText(id)) === id;
  } catch {
    return false;
  }
}
