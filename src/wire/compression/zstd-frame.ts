/**
 * Checks that zstd data is exactly one frame, by the headers of the frame and its blocks (RFC 8878 section 3.1.1).
 * Node.js may accept a cut frame (22.18 does), and may read beyond the end of the frame.
 *
 * @throws Error if the frame is cut or followed by more. The decoder finds all other faults.
 */
export function checkZstdEnd(bytes: Uint8Array): void {
  const descriptor = bytes[4] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const windowBytes = isSingleSegment ? 0 : 1;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3]!;
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;

  let end = 5 + windowBytes + dictionaryIdBytes + contentSizeBytes;
  let isLast = false;
  while (!isLast && end < bytes.length) {
    const head = bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16);
    isLast = (head & 1) !== 0;
    const isRepeatedByte = ((head >> 1) & 3) === 1;
    end += 3 + (isRepeatedByte ? 1 : head >> 3);
  }
  if (hasChecksum) end += 4;
  if (!isLast || end > bytes.length) throw new Error('it is cut short');
  if (end < bytes.length) throw new Error(`its end is followed by ${bytes.length - end} bytes`);
}
