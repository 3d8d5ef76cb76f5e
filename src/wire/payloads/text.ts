const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const buffer: typeof Buffer | undefined = globalThis.Buffer;

/** UTF-8 of a well-formed string. Node's `Buffer` does it five times as fast as a `TextEncoder`. */
export const encodeText: (text: string) => Uint8Array =
  buffer === undefined ? (text) => encoder.encode(text) : (text) => buffer.from(text, 'utf8');

/**
 * Strict: a byte order mark stays a character.
 *
 * @throws TypeError for bytes that are not UTF-8.
 */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
