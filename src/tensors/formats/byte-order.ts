/** A copy whose elements have their bytes in the other order. @param width bytes of an element. */
export function swappedBytes(bytes: Uint8Array, width: number): Uint8Array {
  const swapped = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += width) {
    for (let at = 0; at < width; at += 1) swapped[start + at] = bytes[start + width - 1 - at]!;
  }
  return swapped;
}
