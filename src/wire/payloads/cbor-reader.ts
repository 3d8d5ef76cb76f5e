import type { Data } from '../../base/data.ts';
import { halfOf } from '../../tensors/tensor/half-floats.ts';
import { elementTypes, typedArrayOf } from '../../tensors/tensor/typed-arrays.ts';
import { bigIntegerTags, decodeBigInteger } from './big-integers.ts';
import { embeddedJsonTag, MajorType, Simple } from './cbor-heads.ts';
import { arrayTag, type CborItems, readTensor, tensorTag } from './cbor-tensors.ts';
import { setMember } from './set-member.ts';
import { decodeText } from './text.ts';

/** Up to this length, reading each character is cheaper than decoding text. */
const shortTextBytes = 32;

/** Decoders for the bytes after a tag. */
const tagDecoders: Readonly<Record<number, (bytes: Uint8Array) => Data>> = {
  ...Object.fromEntries(
    elementTypes.map((type) => [type.tag, (bytes: Uint8Array) => typedArrayOf(bytes, type)]),
  ),
  // Always a bigint, however small, because the sender sent a bigint.
  ...Object.fromEntries(
    Object.values(bigIntegerTags).map((tag) => [tag, (bytes: Uint8Array) => decodeBigInteger(tag, bytes)]),
  ),
  [embeddedJsonTag]: (bytes) => {
    const json = decodeText(bytes);
    // Checked before it is parsed, because a list could unfold to a large value.
    if (!/^[ \t\n\r]*"/.test(json)) throw new Error('embedded JSON that is not a string');
    return JSON.parse(json);
  },
};

/** An incomplete list or object. */
interface Open {
  readonly list?: Data[];
  readonly members?: Record<string, Data>;
  /** How many values are missing. */
  left: number;
  /** The key of the member whose value is next. */
  key?: string | undefined;
}

/**
 * Decodes data from CBOR (RFC 8949), and can pause after each value. It refuses what {@link Data} cannot hold:
 * indefinite lengths, integers that a number cannot hold, `undefined`, and tags on anything but bytes and tensors.
 */
export class CborReader implements CborItems {
  readonly #body: Uint8Array;
  readonly #view: DataView;
  readonly #maxDepth: number;
  /** The lists and objects that enclose the next value. */
  readonly #around: Open[] = [];
  #at = 0;
  #value: Data | undefined;

  constructor(body: Uint8Array, maxDepth: number) {
    this.#body = body;
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.#maxDepth = maxDepth;
  }

  /**
   * Reads up to `values` further values.
   *
   * @returns the whole value, once it is complete.
   * @throws Error if the bytes are not the CBOR of one value of {@link Data}.
   */
  readOn(values: number): Data | undefined {
    for (let read = 0; this.#value === undefined && read < values; read++) this.#readNext();
    return this.#value;
  }

  #readNext(): void {
    const head = this.#readByte();
    const type = head >> 5;
    const additional = head & 0x1f;
    if (type === MajorType.simple) {
      this.#conclude(this.#readSimple(additional));
      return;
    }
    const argument = this.#readArgument(additional);
    switch (type) {
      case MajorType.unsigned:
        this.#conclude(argument);
        return;
      case MajorType.negative:
        this.#conclude(checkedInteger(-1 - argument));
        return;
      case MajorType.bytes:
        this.#conclude(this.#readBytes(argument));
        return;
      case MajorType.text:
        this.#conclude(this.#readText(argument));
        return;
      case MajorType.array:
        this.#begin({ list: [], left: argument });
        return;
      case MajorType.map:
        this.#begin({ members: {}, left: argument });
        return;
      default:
        this.#conclude(this.#readTagged(argument));
    }
  }

  #readSimple(additional: number): Data {
    switch (additional) {
      case Simple.false:
        return false;
      case Simple.true:
        return true;
      case Simple.null:
        return null;
      case Simple.half:
        return halfOf(this.#view.getUint16(this.#skip(2)));
      case Simple.single:
        return this.#view.getFloat32(this.#skip(4));
      case Simple.double:
        return this.#view.getFloat64(this.#skip(8));
      default:
        throw new Error('a value that is not data');
    }
  }

  #readArgument(additional: number): number {
    if (additional < 24) return additional;
    switch (additional) {
      case 24:
        return this.#readByte();
      case 25:
        return this.#view.getUint16(this.#skip(2));
      case 26:
        return this.#view.getUint32(this.#skip(4));
      case 27: {
        const at = this.#skip(8);
        return checkedInteger(this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4));
      }
      default:
        throw new Error(
          additional === 31 ? 'a length that is not known in advance' : 'a head that is reserved',
        );
    }
  }

  #readByte(): number {
    return this.#body[this.#skip(1)]!;
  }

  /** @returns the offset of the skipped bytes. @throws Error if there are too few bytes. */
  #skip(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#body.length - at) throw new Error('it ends early');
    this.#at = at + bytes;
    return at;
  }

  /** Returns a view of the next `length` bytes. */
  view(length: number): Uint8Array {
    const from = this.#skip(length);
    return this.#body.subarray(from, from + length);
  }

  /** Returns a copy, because the memory of the body may be reused. */
  #readBytes(length: number): Uint8Array {
    return new Uint8Array(this.view(length));
  }

  #readText(length: number): string {
    const bytes = this.view(length);
    if (length > shortTextBytes) return decodeText(bytes);
    let text = '';
    for (let index = 0; index < length; index++) {
      const byte = bytes[index]!;
      if (byte > 0x7f) return decodeText(bytes);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Used for the parts of a tensor. */
  expect(type: number): number {
    const head = this.#readByte();
    if (head >> 5 !== type) throw new Error('a tensor with a part of the wrong kind');
    return this.#readArgument(head & 0x1f);
  }

  #readTagged(tag: number): Data {
    if (tag === arrayTag || tag === tensorTag) return readTensor(tag, this);
    const decode = tagDecoders[tag];
    if (decode === undefined) throw new Error(`the tag ${tag} is not known`);
    const head = this.#readByte();
    if (head >> 5 !== MajorType.bytes) throw new Error('a tag on a value that is not bytes');
    return decode(this.#readBytes(this.#readArgument(head & 0x1f)));
  }

  #begin(open: Open): void {
    if (this.#around.length === this.#maxDepth) {
      throw new Error(`nested deeper than ${this.#maxDepth} levels`);
    }
    if (open.left === 0) this.#conclude((open.list ?? open.members)!);
    else this.#around.push(open);
  }

  /** Adds a value to the list or object that encloses it, and likewise everything that this completes. */
  #conclude(value: Data): void {
    const open = this.#around.at(-1);
    if (open === undefined) {
      if (this.#at < this.#body.length) throw new Error('it holds more than one value');
      this.#value = value;
      return;
    }
    if (open.members !== undefined && open.key === undefined) {
      open.key = keyOf(value, open.members);
      return;
    }
    if (open.list !== undefined) open.list.push(value);
    else setMember(open.members!, open.key!, value);
    open.key = undefined;
    open.left -= 1;
    if (open.left > 0) return;
    this.#around.pop();
    this.#conclude((open.list ?? open.members)!);
  }
}

function checkedInteger(value: number): number {
  if (!Number.isSafeInteger(value)) throw new Error('an integer past 2^53');
  return value;
}

function keyOf(value: Data, members: Record<string, Data>): string {
  if (typeof value !== 'string') throw new Error(`a key that is a ${typeof value}`);
  if (Object.hasOwn(members, value)) throw new Error(`the key ${JSON.stringify(value)} twice`);
  return value;
}
