import type { DType } from '../../tensor/dtypes.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { joinBytes } from '../join-bytes.ts';
import { rowMajorStrides } from '../row-major.ts';
import type { NamedTensor } from '../state-dict.ts';
import { storageClassOf } from './torch-types.ts';

/** How many items of a dict Python writes in a batch. */
const batchItems = 1000;

/**
 * Writes the pickle of a dict of tensors, byte for byte as Python does for `torch.save`: in protocol 2, with every
 * object in the memo. An object that occurs again is written as a reference to the memo.
 */
export function pickleOf(entries: readonly NamedTensor[]): Uint8Array {
  const writer = new PickleWriter();
  writer.dict(entries);
  return writer.whole();
}

class PickleWriter {
  readonly #parts: Uint8Array[] = [Uint8Array.of(0x80, 2)];
  /** The positions in the memo of words that Python writes only once. */
  readonly #memo = new Map<string, number>();
  #memoized = 0;
  #storages = 0;

  whole(): Uint8Array {
    this.#op('.');
    return joinBytes(this.#parts);
  }

  dict(entries: readonly NamedTensor[]): void {
    this.#op('}');
    this.#remember();
    if (entries.length === 1) {
      this.#item(entries[0]!);
      this.#op('s');
      return;
    }
    if (entries.length === 0) return;
    // After a full batch, Python always writes another one, even if it is empty.
    for (let start = 0; start <= entries.length; start += batchItems) {
      this.#op('(');
      for (const entry of entries.slice(start, start + batchItems)) this.#item(entry);
      this.#op('u');
    }
  }

  #item([name, tensor]: NamedTensor): void {
    this.#text(name);
    this.#tensor(tensor);
  }

  /** Writes `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`. */
  #tensor({ dtype, shape, size, data }: Tensor): void {
    const storageClass = storageClassOf(dtype);
    this.#global(`torch._utils\n_rebuild_tensor_v${storageClass === undefined ? 3 : 2}`);
    this.#op('(');
    if (storageClass === undefined) this.#storage('torch.storage\nUntypedStorage', data.length);
    else this.#storage(`torch\n${storageClass}`, size);
    this.#whole(0);
    this.#tuple(shape);
    this.#tuple(rowMajorStrides(shape));
    this.#op('\x89');
    this.#global('collections\nOrderedDict');
    this.#op(')R');
    this.#remember();
    if (storageClass === undefined) this.#global(`torch\n${dtype satisfies DType}`);
    this.#op('t');
    this.#remember();
    this.#op('R');
    this.#remember();
  }

  /** Writes the persistent id `('storage', class, key, 'cpu', size)`. */
  #storage(storageClass: string, size: number): void {
    this.#op('(');
    this.#word('storage');
    this.#global(storageClass);
    this.#text(String(this.#storages));
    this.#storages += 1;
    this.#word('cpu');
    this.#whole(size);
    this.#op('t');
    this.#remember();
    this.#op('Q');
  }

  #tuple(numbers: readonly number[]): void {
    if (numbers.length > 3) this.#op('(');
    for (const number of numbers) this.#whole(number);
    this.#op([')', '\x85', '\x86', '\x87'][numbers.length] ?? 't');
    if (numbers.length > 0) this.#remember();
  }

  #global(name: string): void {
    this.#once(`c${name}`, () => this.#op(`c${name}\n`));
  }

  #word(word: string): void {
    this.#once(`X${word}`, () => this.#unicode(word));
  }

  #text(text: string): void {
    this.#unicode(text);
    this.#remember();
  }

  #unicode(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#op('X');
    this.#number(bytes.length, 4);
    this.#parts.push(bytes);
  }

  #whole(number: number): void {
    if (number <= 0xff) this.#op('K').#number(number, 1);
    else if (number <= 0xffff) this.#op('M').#number(number, 2);
    else if (number <= 0x7fffffff) this.#op('J').#number(number, 4);
    else {
      // The highest bit is the sign.
      const length = Math.floor(number.toString(2).length / 8) + 1;
      this.#op('\x8a').#number(length, 1);
      this.#number(number, length);
    }
  }

  #once(key: string, write: () => void): void {
    const index = this.#memo.get(key);
    if (index === undefined) {
      write();
      this.#memo.set(key, this.#memoized);
      this.#remember();
    } else if (index <= 0xff) this.#op('h').#number(index, 1);
    else this.#op('j').#number(index, 4);
  }

  #remember(): void {
    const index = this.#memoized;
    this.#memoized += 1;
    if (index <= 0xff) this.#op('q').#number(index, 1);
    else this.#op('r').#number(index, 4);
  }

  /** Writes opcodes and their text, one byte for each character. */
  #op(codes: string): this {
    this.#parts.push(Uint8Array.from(codes, (code) => code.charCodeAt(0)));
    return this;
  }

  #number(value: number, byteLength: number): void {
    const bytes = new Uint8Array(byteLength);
    let rest = value;
    for (let at = 0; at < byteLength; at += 1) {
      bytes[at] = rest % 0x100;
      rest = Math.floor(rest / 0x100);
    }
    this.#parts.push(bytes);
  }
}
