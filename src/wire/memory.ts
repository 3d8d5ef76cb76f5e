interface NodeBuffer {
  allocUnsafeSlow(length: number): Uint8Array<ArrayBuffer>;
}

/**
 * Memory that is not cleared first, where the runtime can give such: whoever asks for it fills it whole
 * before handing it on.
 */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  const buffer = (globalThis as { Buffer?: NodeBuffer }).Buffer?.allocUnsafeSlow(length);
  return buffer === undefined ? new Uint8Array(length) : new Uint8Array(buffer.buffer, 0, length);
}
