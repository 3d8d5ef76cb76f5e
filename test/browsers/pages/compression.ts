import { compressZlib, decompressZlib, loadZlib } from '../../../src/wire/compression/zlib-in-browsers.ts';

const pace = { pause: () => undefined, aside: <Result>(work: Promise<Result>) => work };

/** What becomes of compressed bytes, in base64 like them. */
async function decompress(base64: string, maxBytes: number): Promise<string> {
  try {
    return base64Of(await decompressZlib(bytesOf(base64), maxBytes, pace));
  } catch (error) {
    return `failed: ${(error as Error).message}`;
  }
}

async function compress(base64: string): Promise<string> {
  await loadZlib();
  return base64Of(compressZlib(bytesOf(base64)));
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

Object.assign(globalThis, { page: { compress, decompress } });
