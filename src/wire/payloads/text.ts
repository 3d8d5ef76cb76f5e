const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const buffer: typeof Buffer | undefined = globalThis.Buffer;

/** Encodes a well-formed string as UTF-8. Node's `Buffer` is five times as fast as a `TextEncoder`. */
export const encodeText: (text: string) => Uint8Array =
  buffer === undefined ? (text) => encoder.encode(text) : (text) => buffer.from(text, 'utf8');

/**
 * Decodes UTF-8 strictly, and keeps a byte order mark.
 *
 * @throws TypeError if the bytes are not UTF-8.
 */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
