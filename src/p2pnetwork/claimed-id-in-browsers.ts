import { decodeText } from '../wire/payloads/text.ts';

// Replaces `claimed-id.ts` in bundles for browsers, by the field `browser` of package.json.

/** No peer of a page is a Python node, so a page need not know which ids such nodes may have. */
export function readClaimedId(bytes: Uint8Array): string {
  return decodeText(bytes);
}
