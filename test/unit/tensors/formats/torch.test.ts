import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { zipAsTorchDoes } from '../../../../src/tensors/formats/torch/torch-zip.ts';
import { readTorch, Tensor, writeTorch } from '../../../../src/tensors/index.ts';
import { withCode } from '../../../support/errors.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** An archive with this pickle, and one storage. */
function fileOf(pickle: string, more: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const entries = { 'data.pkl': latin1(pickle), 'data/0': new Uint8Array(24), ...more };
  return zipAsTorchDoes(Object.entries(entries).map(([name, content]) => ({ name: `a/${name}`, content })));
}

const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const tuple = (...numbers: number[]): string =>
  `(${numbers.map((n) => `K${String.fromCharCode(n)}`).join('')}t`;
const storage = (name = 'FloatStorage', size = 6, key = '0'): string =>
  `(${text('storage')}ctorch\n${name}\n${text(key)}${text('cpu')}K${String.fromCharCode(size)}tQ`;

interface Place {
  readonly offset?: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly of?: string;
}

const tensor = ({ offset = 0, shape, strides, of = storage() }: Place): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${of}K${String.fromCharCode(offset)}${tuple(...shape)}${tuple(...strides)}\x89NtR`;

const whole = { shape: [2, 3], strides: [3, 1] };
const pickleOf = (value: string): string => `\x80\x02${value}.`;
const dictOf = (value: string): string => pickleOf(`}${text('a')}${value}s`);

const refuses = (file: Uint8Array, message: RegExp): void =>
  assert.throws(() => readTorch(file), withCode('ERR_TENSOR_FORMAT', message));

suite('readTorch', () => {
  test('puts contiguous tensors into the memory of the file', () => {
    const file = writeTorch({ a: Tensor.from(Float32Array.of(1, 2)) });
    const { a } = readTorch(file);
    assert.equal(a!.data.buffer, file.buffer);
    assert.equal(a!.data.byteOffset % 64, 0);
    assert.deepEqual(a!.toTyped('float32'), Float32Array.of(1, 2));
  });

  test('reads a file of PyTorch 2', () => {
    const state = readTorch(readFileSync(join(import.meta.dirname, '../../../fuzz/captures/torch-2.15.pt')));
    assert.deepEqual(
      Object.entries(state).map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape}`),
      [
        'model.0.weight float32 4,3',
        'model.0.bias float32 4',
        'model.1.weight float32 4',
        'model.1.bias float32 4',
        'model.1.running_mean float32 4',
        'model.1.running_var float32 4',
        'model.1.num_batches_tracked int64 ',
        'views.0 float32 4,3,2',
        'views.1 float32 2,3,2',
        'u uint16 3',
        'tied.0 float32 2,3,4',
        'tied.1 float32 2,3,4',
      ],
    );
    assert.deepEqual(state['views.0']!.toTyped('float32').slice(0, 4), Float32Array.of(0, 12, 4, 16));
    assert.equal(state['tied.0']!.data.buffer, state['tied.1']!.data.buffer);
  });

  test('reads the pickles of old and other writers', () => {
    const expected = new Tensor('float32', [2, 3], new Uint8Array(24));
    assert.deepEqual(readTorch(fileOf(dictOf(tensor(whole)))), { a: expected });
    assert.deepEqual(readTorch(fileOf(pickleOf(tensor(whole)))), { tensor: expected });
    assert.deepEqual(readTorch(fileOf(pickleOf(`](${tensor(whole)}NG\0\0\0\0\0\0\0\0\x8a\x01\xffe`))), {
      0: expected,
    });
    const parameter = `ctorch._utils\n_rebuild_parameter\n(${tensor(whole)}\x88ccollections\nOrderedDict\n)RtR`;
    assert.deepEqual(readTorch(fileOf(dictOf(parameter))), { a: expected });
  });

  test('reads big-endian files', () => {
    const data = { byteorder: latin1('big'), 'data/0': latin1('\x3f\x80\0\0'.repeat(6)) };
    const { a } = readTorch(fileOf(dictOf(tensor(whole)), data));
    assert.deepEqual(a!.toTyped('float32'), new Float32Array(6).fill(1));
    refuses(fileOf(dictOf(tensor(whole)), { byteorder: latin1('middle') }), /byte order 'middle'/);
  });

  test('runs nothing: any other name or opcode is refused', () => {
    refuses(fileOf(pickleOf('cos\nsystem\n(X\x04\0\0\0lstR')), /asks for 'os\.system'/);
    refuses(fileOf(pickleOf('cbuiltins\neval\n)R')), /asks for 'builtins\.eval'/);
    refuses(fileOf(pickleOf('ctorch\nload\n')), /asks for 'torch\.load'/);
    refuses(fileOf(pickleOf(`}${text('a')}\x93`)), /opcode 0x93/);
    for (const opcode of ['i', 'o', '\x81', '\x92', '\x82', 'P', 'I', 'l', 'V', 'U', '\x8c', '2', '0']) {
      refuses(fileOf(pickleOf(`}${opcode}`)), /has the opcode 0x/);
    }
    refuses(fileOf(pickleOf('ctorch\nFloatStorage\n)R')), /calls something that is no function/);
    refuses(fileOf(pickleOf('}}R')), /calls something that is no function/);
  });

  test('refuses pickles that are damaged', () => {
    const pickle = dictOf(tensor(whole));
    for (let length = 0; length < pickle.length - 1; length += 1)
      refuses(fileOf(pickle.slice(0, length)), /pickle/);
    for (const broken of [
      '',
      '(',
      't',
      'u',
      's',
      'a',
      '}a',
      ']s',
      '\x85',
      'q\0',
      'h\0',
      '}(Nu',
      'b',
      'Q',
      'NQ',
      'R',
    ]) {
      refuses(fileOf(pickleOf(broken)), /damaged/);
    }
    refuses(fileOf('\x80\x05N.'), /protocol 2/);
    refuses(fileOf(pickleOf(`}${text('a\xff')}Ns`)), /not UTF-8/);
    refuses(fileOf(pickleOf(`\x8a\x09${'\xff'.repeat(9)}`)), /a number has 9 bytes/);
    refuses(fileOf(pickleOf(`}NNs`)), /neither text nor a number/);
  });

  test('refuses tensors that reach beyond their storage', () => {
    for (const place of [
      { shape: [7], strides: [1] },
      { shape: [2, 3], strides: [4, 1] },
      { shape: [1], strides: [1], offset: 6 },
      { shape: [2], strides: [255] },
      { shape: [], strides: [], offset: 6 },
    ]) {
      refuses(fileOf(dictOf(tensor(place))), /'a' reaches beyond its storage of 24 bytes/);
    }
    refuses(fileOf(dictOf(tensor({ shape: [1], strides: [] }))), /more dimensions than strides/);
    refuses(fileOf(dictOf(tensor({ ...whole, of: 'N' }))), /has no storage/);
    refuses(
      fileOf(dictOf(tensor({ ...whole, of: storage('FloatStorage', 7) }))),
      /28 bytes, but 24 are in the file/,
    );
    refuses(fileOf(dictOf(tensor({ ...whole, of: storage('FloatStorage', 6, '1') }))), /data\/1 is missing/);
    refuses(fileOf(dictOf(tensor({ ...whole, of: storage('FloatStorage', 6, '../x') }))), /missing/);
    const negative = tensor(whole).replace(tuple(3, 1), `(J\xff\xff\xff\xffK\x01t`);
    refuses(fileOf(dictOf(negative)), /not a whole number of at least 0/);
    const dimensions = Array(33).fill(1);
    refuses(fileOf(dictOf(tensor({ shape: dimensions, strides: dimensions }))), /33 dimensions/);
    const empty = { shape: [0, 3], strides: [3, 1], offset: 200 };
    assert.deepEqual(
      readTorch(fileOf(dictOf(tensor(empty)))).a,
      new Tensor('float32', [0, 3], new Uint8Array(0)),
    );
  });

  test('does not let a small file name more than it holds', () => {
    // Each dict holds the one before it twice: 2 to the power of 30 tensors.
    let nested = `}q\0${text('x')}${tensor(whole)}s0`.slice(0, -1);
    nested = `${nested}q\0`;
    for (let level = 1; level < 30; level += 1) nested += `}(${text('l')}h\0${text('r')}h\0uq\0`;
    refuses(fileOf(pickleOf(nested)), /repeats or nests/);
    refuses(fileOf(pickleOf(`}q\0${text('self')}h\0s`)), /repeats or nests/);
    refuses(fileOf(pickleOf(`${']'.repeat(40)}${'a'.repeat(39)}`)), /repeats or nests/);
    const expanded = tensor({ shape: [255, 255, 255, 255], strides: [0, 0, 0, 0] });
    refuses(fileOf(dictOf(expanded)), /more views of the same elements than can be copied/);
    const long = 'x'.repeat(250);
    let deep = tensor(whole);
    for (let level = 0; level < 20; level += 1) deep = `}${text(long)}${deep}s`;
    refuses(fileOf(pickleOf(deep)), /more than 4096 characters/);
    refuses(
      fileOf(pickleOf(`}(${text('a.b')}${tensor(whole)}${text('a')}}${text('b')}${tensor(whole)}su`)),
      /'a\.b' twice/,
    );
  });

  test('refuses archives and files of another kind, and says what they are', () => {
    refuses(latin1('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'), /before PyTorch 1\.6/);
    refuses(latin1('not an archive'), /no zip archive/);
    refuses(zipAsTorchDoes([{ name: 'model.json', content: latin1('{}') }]), /not one of torch\.save/);
    refuses(fileOf(dictOf(tensor(whole)), { 'constants.pkl': latin1('') }), /TorchScript/);
    assert.throws(() => readTorch(null as never), /^TypeError: bytes must be/);
  });
});

suite('writeTorch', () => {
  test('writes names and lengths of any size', () => {
    const state = Object.fromEntries(
      [1, 255, 256, 70_000].map((size) => [
        `é${'x'.repeat(Math.min(size, 300))} ${size}`,
        new Tensor('bool', [size], new Uint8Array(size)),
      ]),
    );
    assert.deepEqual(readTorch(writeTorch(state)), state);
    const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`t${n}`, Tensor.from([n])]));
    assert.deepEqual(readTorch(writeTorch(many)), many);
  });

  test('refuses anything but tensors, and too many', () => {
    assert.throws(() => writeTorch({ a: [1] } as never), /state\['a'\] must be a Tensor/);
    const one = Tensor.from([1]);
    const many = Object.fromEntries(Array.from({ length: 65_533 }, (_, n) => [`t${n}`, one]));
    assert.throws(() => writeTorch(many), /^RangeError: .* use writeSafetensors/);
  });
});
