/** The major types (RFC 8949, section 3.1) that matter here. */
const bytesType = 2;
const textType = 3;
const arrayType = 4;
const mapType = 5;

/**
 * Counts the lists, objects and byte strings (typed arrays among them) in CBOR, from the heads of its items alone.
 * Stops once there are more than `most`. For bytes that are not CBOR, the count means nothing.
 */
export function countCborContainers(body: Uint8Array, most = Number.POSITIVE_INFINITY): number {
  let count = 0;
  let index = 0;
  while (index < body.length && count <= most) {
    const type = body[index]! >> 5;
    const additional = body[index]! & 0x1f;
    const lengthBytes = additional < 24 || additional > 27 ? 0 : 2 ** (additional - 24);
    const length = lengthBytes === 0 ? additional : bigEndian(body, index + 1, lengthBytes);
    index += 1 + lengthBytes;
    if (type === bytesType || type === textType) index += length;
    if (type === bytesType || type === arrayType || type === mapType) count += 1;
  }
  return count;
}

function bigEndian(body: Uint8Array, start: number, length: number): number {
  let value = 0;
  for (let index = start; index < start + length; index++) value = value * 256 + (body[index] ?? 0);
  return value;
}
