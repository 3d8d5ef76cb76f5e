import { formatError, textOf } from '../format-error.ts';
import { PickleDict, PickleList, type PickleValue } from './pickle-values.ts';
import { namedThing, rebuild, storageOf } from './rebuild.ts';

/** The pickle protocol of `torch.save`, unless its user chose another one. */
const protocol = 2;
const [protocolOpcode, stop] = [0x80, 0x2e];
const newline = 0x0a;
/** The most bytes of a number. The pickle of a state dict has no longer numbers. */
const maxLongBytes = 8;

/**
 * Reads the pickle of a state dict as data. It is not an unpickler: it knows the few opcodes below and the few names of
 * `rebuild.ts`, calls nothing, and refuses everything else.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 */
export function readPickle(bytes: Uint8Array): PickleValue {
  return new PickleReader(bytes).read();
}

class PickleReader {
  /**
   * The opcodes that PyTorch writes for state dicts, with their names in Python's pickletools. All others are refused.
   */
  static readonly #steps: ReadonlyMap<number, (reader: PickleReader) => void> = new Map([
    [0x28 /* MARK */, (reader) => reader.#mark()],
    [0x29 /* EMPTY_TUPLE */, (reader) => reader.#push(new PickleList([]))],
    [0x47 /* BINFLOAT */, (reader) => reader.#push(reader.#view.getFloat64(reader.#skip(8)))],
    [0x4a /* BININT */, (reader) => reader.#push(reader.#view.getInt32(reader.#skip(4), true))],
    [0x4b /* BININT1 */, (reader) => reader.#push(reader.#byte())],
    [0x4d /* BININT2 */, (reader) => reader.#push(reader.#view.getUint16(reader.#skip(2), true))],
    [0x4e /* NONE */, (reader) => reader.#push(null)],
    [0x51 /* BINPERSID */, (reader) => reader.#push(storageOf(reader.#pop()))],
    [0x52 /* REDUCE */, (reader) => reader.#reduce()],
    [0x58 /* BINUNICODE */, (reader) => reader.#push(reader.#text())],
    [0x5d /* EMPTY_LIST */, (reader) => reader.#push(new PickleList([]))],
    [0x61 /* APPEND */, (reader) => reader.#append(reader.#popLast(1))],
    [0x62 /* BUILD */, (reader) => reader.#leaveOutAttributes()],
    [0x63 /* GLOBAL */, (reader) => reader.#push(namedThing(reader.#line(), reader.#line()))],
    [0x65 /* APPENDS */, (reader) => reader.#append(reader.#popToMark())],
    [0x68 /* BINGET */, (reader) => reader.#recall(reader.#byte())],
    [0x6a /* LONG_BINGET */, (reader) => reader.#recall(reader.#uint32())],
    [0x71 /* BINPUT */, (reader) => reader.#remember(reader.#byte())],
    [0x72 /* LONG_BINPUT */, (reader) => reader.#remember(reader.#uint32())],
    [0x73 /* SETITEM */, (reader) => reader.#setItems(reader.#popLast(2))],
    [0x74 /* TUPLE */, (reader) => reader.#push(new PickleList(reader.#popToMark()))],
    [0x75 /* SETITEMS */, (reader) => reader.#setItems(reader.#popToMark())],
    [0x7d /* EMPTY_DICT */, (reader) => reader.#push(new PickleDict())],
    [0x85 /* TUPLE1 */, (reader) => reader.#push(new PickleList(reader.#popLast(1)))],
    [0x86 /* TUPLE2 */, (reader) => reader.#push(new PickleList(reader.#popLast(2)))],
    [0x87 /* TUPLE3 */, (reader) => reader.#push(new PickleList(reader.#popLast(3)))],
    [0x88 /* NEWTRUE */, (reader) => reader.#push(true)],
    [0x89 /* NEWFALSE */, (reader) => reader.#push(false)],
    [0x8a /* LONG1 */, (reader) => reader.#push(reader.#long())],
  ]);

  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #stack: PickleValue[] = [];
  /** The stacks below the open marks. */
  readonly #below: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): PickleValue {
    if (this.#byte() !== protocolOpcode || this.#byte() !== protocol) {
      throw formatError(`the pickle of the file is not of protocol ${protocol}, which torch.save writes`);
    }
    for (;;) {
      const opcode = this.#byte();
      if (opcode === stop) return this.#pop();
      const step = PickleReader.#steps.get(opcode);
      if (step === undefined) {
        throw formatError(
          `the pickle has the opcode 0x${opcode.toString(16)}, which a state dict does not need: ` +
            'save model.state_dict() alone, or use safetensors',
        );
      }
      step(this);
    }
  }

  #mark(): void {
    this.#below.push(this.#stack);
    this.#stack = [];
  }

  #reduce(): void {
    const [callable, given] = this.#popLast(2);
    this.#push(rebuild(callable, given));
  }

  /** Skips the attributes of an OrderedDict, in which PyTorch stores the versions of modules. */
  #leaveOutAttributes(): void {
    this.#pop();
    this.#dict();
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    return this.#popLast(1)[0]!;
  }

  #popLast(count: number): PickleValue[] {
    if (this.#stack.length < count) throw damaged('it takes values that are not there');
    return this.#stack.splice(-count);
  }

  #popToMark(): PickleValue[] {
    const values = this.#stack;
    const below = this.#below.pop();
    if (below === undefined) throw damaged('it ends a list that did not begin');
    this.#stack = below;
    return values;
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#stack.at(-1);
    if (!(list instanceof PickleList)) throw damaged('it appends to something that is no list');
    for (const value of values) list.items.push(value);
  }

  #setItems(values: readonly PickleValue[]): void {
    const dict = this.#dict();
    if (values.length % 2 !== 0) throw damaged('a key has no value');
    for (let at = 0; at < values.length; at += 2) dict.entries.push([values[at]!, values[at + 1]!]);
  }

  #dict(): PickleDict {
    const dict = this.#stack.at(-1);
    if (dict instanceof PickleDict) return dict;
    throw damaged('it sets items of something that is no dict');
  }

  #remember(key: number): void {
    const value = this.#stack.at(-1);
    if (value === undefined) throw damaged('it remembers a value that is not there');
    this.#memo.set(key, value);
  }

  #recall(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) throw damaged('it recalls a value that it did not remember');
    this.#push(value);
  }

  #long(): number | bigint {
    const length = this.#byte();
    if (length > maxLongBytes) throw damaged(`a number has ${length} bytes`);
    let value = 0n;
    for (const byte of this.#take(length).toReversed()) value = (value << 8n) | BigInt(byte);
    value = BigInt.asIntN(length * 8, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  #text(): string {
    return textOf('a text in the pickle', this.#take(this.#uint32()));
  }

  #line(): string {
    const end = this.#bytes.indexOf(newline, this.#at);
    if (end < 0) throw damaged('a name has no end');
    const line = textOf('a name in the pickle', this.#take(end - this.#at));
    this.#at += 1;
    return line;
  }

  #uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)]!;
  }

  #take(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.subarray(start, this.#at);
  }

  /** @returns the position at which the skipped bytes begin. */
  #skip(length: number): number {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw damaged('it was cut short');
    this.#at += length;
    return start;
  }
}

function damaged(reason: string): Error {
  return formatError(`the pickle of the file is damaged: ${reason}`);
}
