import type { Data } from '../../base/data.ts';
import { halfBitsOf } from '../../tensors/tensor/half-floats.ts';
import { Tensor } from '../../tensors/tensor/tensor.ts';
import { bytesOf, elementBytes, elementTypeOf } from '../../tensors/tensor/typed-arrays.ts';
import { joined } from '../frames/memory.ts';
import { encodeBigInteger } from './big-integers.ts';
import { embeddedJsonTag, MajorType, Simple } from './cbor-heads.ts';
import { type CborOutput, writeTensor } from './cbor-tensors.ts';
import { encodeText } from './text.ts';

/** The size of the first output buffer. Each further buffer is twice as large, up to the maximum. */
const firstPieceBytes = 256;
const mostPieceBytes = 64 * 1024;

/** Byte strings of this length or more are not copied into a buffer, but placed between two. */
const leastOwnPieceBytes = 1_024;

/** The longest head, or float with its head. */
const maxHeadBytes = 9;

/** Writes data as CBOR (RFC 8949), each number in the fewest bytes that hold it exactly. */
export class CborWriter implements CborOutput {
  /** The full buffers. */
  readonly #pieces: Uint8Array[] = [];
  #pieceBytes = firstPieceBytes;
  #piece = new Uint8Array(firstPieceBytes);
  #view = new DataView(this.#piece.buffer);
  #length = 0;

  write(data: Data): void {
    switch (typeof data) {
      case 'string':
        this.#writeText(data);
        return;
      case 'number':
        this.#writeNumber(data);
        return;
      case 'boolean':
        this.head(MajorType.simple, data ? Simple.true : Simple.false);
        return;
      case 'bigint': {
        const { tag, bytes } = encodeBigInteger(data);
        this.#writeTagged(tag, bytes);
        return;
      }
      default:
        this.#writeObject(data);
    }
  }

  /** Returns everything that was written. Call it once, at the end. */
  end(): Uint8Array {
    const last = this.#piece.subarray(0, this.#length);
    return this.#pieces.length === 0 ? last.slice() : joined([...this.#pieces, last]);
  }

  #writeObject(data: Exclude<Data, string | number | boolean | bigint>): void {
    if (data === null) {
      this.head(MajorType.simple, Simple.null);
      return;
    }
    if (Array.isArray(data)) {
      this.head(MajorType.array, data.length);
      for (let index = 0; index < data.length; index++) this.write(data[index]);
      return;
    }
    if (ArrayBuffer.isView(data)) {
      const type = elementTypeOf(data);
      if (type === undefined) this.bytes(MajorType.bytes, bytesOf(data)!);
      else this.#writeTagged(type.tag, elementBytes(data, type));
      return;
    }
    if (data instanceof Tensor) {
      writeTensor(data, this);
      return;
    }
    const members = data as { readonly [key: string]: Data | undefined };
    const keys = Object.keys(members).filter((key) => members[key] !== undefined);
    this.head(MajorType.map, keys.length);
    for (const key of keys) {
      this.#writeText(key);
      this.write(members[key]!);
    }
  }

  #writeText(text: string): void {
    if (text.isWellFormed()) this.bytes(MajorType.text, encodeText(text));
    else this.#writeTagged(embeddedJsonTag, encodeText(JSON.stringify(text)));
  }

  #writeTagged(tag: number, bytes: Uint8Array): void {
    this.head(MajorType.tag, tag);
    this.bytes(MajorType.bytes, bytes);
  }

  #writeNumber(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.#writeFloat(value);
    else if (value >= 0) this.head(MajorType.unsigned, value);
    else this.head(MajorType.negative, -1 - value);
  }

  #writeFloat(value: number): void {
    const isSingle = Math.fround(value) === value || Number.isNaN(value);
    const half = isSingle ? halfBitsOf(value) : undefined;
    this.#makeRoom(maxHeadBytes);
    const at = this.#length;
    if (half !== undefined) {
      this.#piece[at] = (MajorType.simple << 5) | Simple.half;
      this.#view.setUint16(at + 1, half);
      this.#length = at + 3;
    } else if (isSingle) {
      this.#piece[at] = (MajorType.simple << 5) | Simple.single;
      this.#view.setFloat32(at + 1, value);
      this.#length = at + 5;
    } else {
      this.#piece[at] = (MajorType.simple << 5) | Simple.double;
      this.#view.setFloat64(at + 1, value);
      this.#length = at + 9;
    }
  }

  /** Writes the head of an item of this major type. */
  head(type: number, argument: number): void {
    this.#makeRoom(maxHeadBytes);
    const at = this.#length;
    const major = type << 5;
    if (argument < 24) {
      this.#piece[at] = major | argument;
      this.#length = at + 1;
    } else if (argument <= 0xff) {
      this.#piece[at] = major | 24;
      this.#piece[at + 1] = argument;
      this.#length = at + 2;
    } else if (argument <= 0xffff) {
      this.#piece[at] = major | 25;
      this.#view.setUint16(at + 1, argument);
      this.#length = at + 3;
    } else if (argument <= 0xffff_ffff) {
      this.#piece[at] = major | 26;
      this.#view.setUint32(at + 1, argument);
      this.#length = at + 5;
    } else {
      this.#piece[at] = major | 27;
      this.#view.setUint32(at + 1, Math.floor(argument / 2 ** 32));
      this.#view.setUint32(at + 5, argument >>> 0);
      this.#length = at + 9;
    }
  }

  /** A whole item: a byte string, or text in UTF-8. */
  bytes(type: number, bytes: Uint8Array): void {
    this.head(type, bytes.length);
    if (bytes.length >= leastOwnPieceBytes) {
      this.#closePiece();
      this.#pieces.push(bytes);
      return;
    }
    this.#makeRoom(bytes.length);
    this.#piece.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #makeRoom(bytes: number): void {
    if (this.#length + bytes <= this.#piece.length) return;
    this.#closePiece();
    this.#pieceBytes = Math.max(bytes, Math.min(2 * this.#pieceBytes, mostPieceBytes));
    this.#piece = new Uint8Array(this.#pieceBytes);
    this.#view = new DataView(this.#piece.buffer);
  }

  /** Closes the present buffer. What follows goes into the rest of its memory. */
  #closePiece(): void {
    if (this.#length > 0) this.#pieces.push(this.#piece.subarray(0, this.#length));
    this.#piece = this.#piece.subarray(this.#length);
    this.#view = new DataView(this.#piece.buffer, this.#piece.byteOffset);
    this.#length = 0;
  }
}
