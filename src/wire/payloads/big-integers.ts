/** Python's JSON reader accepts no longer integers. The time to parse decimal digits grows faster than their number. */
export const maxBigIntegerDigits = 4_300;

const bound = 10n ** BigInt(maxBigIntegerDigits);

/** The bytes of the largest one. */
const maxBytes = bound.toString(16).length / 2;

/** Whether a message may hold this integer. */
export function isInBounds(value: bigint): boolean {
  return -bound < value && value < bound;
}

/** The tags of RFC 8949 section 3.4.3; the bytes of a negative one are those of -1 - value. */
export const bigIntegerTags = { positive: 2, negative: 3 } as const;

/** Returns the tag and the big-endian bytes without leading zeros. */
export function encodeBigInteger(value: bigint): { readonly tag: number; readonly bytes: Uint8Array } {
  const [tag, rest] = value < 0n ? [bigIntegerTags.negative, -1n - value] : [bigIntegerTags.positive, value];
  const digits = rest === 0n ? '' : rest.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  const bytes = new Uint8Array(even.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(even.slice(2 * index, 2 * index + 2), 16);
  }
  return { tag, bytes };
}

/** @throws Error if the integer is out of bounds. If it is far out, nothing is computed before. */
export function decodeBigInteger(tag: number, bytes: Uint8Array): bigint {
  if (bytes.length > maxBytes) throw tooLarge();
  let digits = '';
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0');
  const rest = digits === '' ? 0n : BigInt(`0x${digits}`);
  const value = tag === bigIntegerTags.negative ? -1n - rest : rest;
  if (!isInBounds(value)) throw tooLarge();
  return value;
}

function tooLarge(): Error {
  return new Error(`it holds a whole number of more than ${maxBigIntegerDigits} digits`);
}
