/** Returns a copy in which the bytes of each element are reversed. @param width the bytes of an element. */
export function swappedBytes(bytes: Uint8Array, width: number): Uint8Array {
  const swapped = new Uint8Array(bytes.length);
  for (let start = 0; start < bytes.length; start += width) {
    for (let at = 0; at < width; at += 1) swapped[start + at] = bytes[start + width - 1 - at]!;
  }
  return swapped;
}
