/** A 64-bit number that represents something longer, in two halves. */
export interface Fingerprint {
  readonly low: number;
  readonly high: number;
}

/**
 * HalfSipHash-1-3 of 64 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", with words of 32 bits). An
 * attacker who does not know the seed cannot choose many fingerprints with the same hash, or with the same low bits of
 * it.
 *
 * @returns 32 bits, as a signed number.
 */
export function seededHash(low: number, high: number, seed: Fingerprint): number {
  let v0 = seed.low | 0;
  let v1 = seed.high | 0;
  let v2 = 0x6c79_6765 ^ v0;
  let v3 = 0x7465_6462 ^ v1;
  for (let round = 0; round < 6; round++) {
    const word = round === 0 ? low : round === 1 ? high : round === 2 ? lengthWord : 0;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = rotated(v1, 5) ^ v0;
    v0 = rotated(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotated(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotated(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotated(v1, 13) ^ v2;
    v2 = rotated(v2, 16);
    v0 ^= word;
    if (round === 2) v2 ^= 0xff;
  }
  return v1 ^ v3;
}

/** The length of the input, eight bytes, in the highest byte of the last word. */
const lengthWord = 8 << 24;

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
