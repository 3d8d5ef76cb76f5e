import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const zero = '1';

/** How many digits an exact number holds. Arithmetic with bigints is slow, so each step takes this many digits. */
const groupDigits = 9;
const groupSize = BigInt(58 ** groupDigits);

/** Base58 as Bitcoin and libp2p write it: a number in base 58, and a `1` for each zero byte that leads. */
export function encodeBase58(bytes: Uint8Array): string {
  let digits = '';
  for (let rest = BigInt(`0x0${bytesToHex(bytes)}`); rest > 0n; rest /= groupSize) {
    let group = Number(rest % groupSize);
    for (let count = 0; count < groupDigits; count++) {
      digits = alphabet[group % 58] + digits;
      group = Math.floor(group / 58);
    }
  }
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return zero.repeat(zeros === -1 ? bytes.length : zeros) + digits.replace(/^1+/, '');
}

/** @param text digits of base 58 only, and few of them: the time is quadratic. */
export function decodeBase58(text: string): Uint8Array {
  let number = 0n;
  for (let at = 0; at < text.length; at += groupDigits) {
    const digits = text.slice(at, at + groupDigits);
    let group = 0;
    for (const digit of digits) group = group * 58 + alphabet.indexOf(digit);
    number = number * BigInt(58 ** digits.length) + BigInt(group);
  }
  const zeros = text.search(/[^1]|$/);
  const hexadecimal = number === 0n ? '' : number.toString(16);
  return hexToBytes('00'.repeat(zeros) + '0'.repeat(hexadecimal.length % 2) + hexadecimal);
}
