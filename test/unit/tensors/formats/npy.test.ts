import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readNpy, Tensor, writeNpy } from '../../../../src/tensors/index.ts';
import { withCode } from '../../../support/errors.ts';

/** An .npy file with this text as its header. */
function fileOf(header: string, data: Uint8Array, version = 1): Uint8Array {
  const start = version === 1 ? 10 : 12;
  const file = new Uint8Array(start + header.length + data.length);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(file.buffer);
  if (version === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  file.set(Buffer.from(header, 'latin1'), start);
  file.set(data, start + header.length);
  return file;
}

const headerOf = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

const refuses = (file: Uint8Array, message: RegExp): void =>
  assert.throws(() => readNpy(file), withCode('ERR_TENSOR_FORMAT', message));

suite('readNpy', () => {
  test('puts the elements into the memory of the file', () => {
    const file = writeNpy(Tensor.from(Float64Array.of(1, 2)));
    const tensor = readNpy(file);
    assert.equal(tensor.data.buffer, file.buffer);
    assert.equal(tensor.data.byteOffset % 64, 0);
    assert.deepEqual(tensor.toTyped('float64'), Float64Array.of(1, 2));
  });

  test("converts Fortran's order and big-endian elements", () => {
    const file = fileOf(headerOf('>i2', '(2, 3)', 'True'), Uint8Array.of(0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 1, 6));
    assert.deepEqual(readNpy(file), Tensor.from(Int16Array.of(1, 2, 3, 4, 5, 262), { shape: [2, 3] }));
  });

  test('reads the headers of old and other writers', () => {
    const bytes = Uint8Array.of(1, 2);
    const expected = Tensor.from(bytes);
    assert.deepEqual(readNpy(fileOf(`{"shape":(2L,),"descr":"|u1","fortran_order":False}`, bytes)), expected);
    assert.deepEqual(readNpy(fileOf(headerOf('<u1', '( 2 , )'), bytes, 2)), expected);
    assert.deepEqual(readNpy(fileOf(headerOf('=u1', '(2,)'), bytes, 3)), expected);
  });

  test('refuses bytes that are no .npy file, or a part of one', () => {
    refuses(new Uint8Array(0), /no \.npy file/);
    refuses(new TextEncoder().encode('PK\x03\x04 an archive'), /no \.npy file/);
    const file = fileOf(headerOf('<f4', '(1,)'), new Uint8Array(4));
    for (let length = 0; length < file.length; length += 1)
      refuses(file.subarray(0, length), /no \.npy file|cut short/);
    refuses(
      fileOf(headerOf('<f4', '(1,)'), new Uint8Array(5)),
      /take 4 bytes, but it has 5: something follows/,
    );
    refuses(fileOf(headerOf('<f4', '(1,)'), new Uint8Array(4), 4), /version 4\.0/);
    refuses(fileOf(' '.repeat(10_001), new Uint8Array(0)), /10001 bytes, and 10000 are allowed/);
  });

  test('refuses headers that are damaged', () => {
    const none = new Uint8Array(0);
    const damaged = [
      '',
      '{}',
      "{'descr': '<f4'}",
      `${headerOf('<f4', '()')}x`,
      headerOf('<f4', '()').replace('False', 'None'),
      headerOf('<f4', '()').replace("'shape'", "'shape' 1"),
      headerOf('<f4', '()').replace('fortran_order', 'order'),
      headerOf('<f4', '[1]'),
      headerOf('<f4', "'a'"),
    ];
    for (const header of damaged) refuses(fileOf(header, none), /damaged/);
    refuses(fileOf(headerOf('<f4', '()').replace('{', "{'descr': '<f4', "), none), /'descr' twice/);
  });

  test('refuses shapes that no tensor has', () => {
    for (const shape of ['(1)', '(,)', '(1,,2)', '(1L2,)', '(9007199254740992,)']) {
      refuses(fileOf(headerOf('<f4', shape), new Uint8Array(4)), /no tuple|is not the length of a dimension/);
    }
    refuses(fileOf(headerOf('<f4', '(-1,)'), new Uint8Array(4)), /damaged/);
    refuses(fileOf(headerOf('<f4', '(9007199254740991, 4)'), new Uint8Array(4)), /more than 2\^53/);
    refuses(fileOf(headerOf('<f4', '(9007199254740991, 4, 0)'), new Uint8Array(0)), /more than 2\^53/);
    refuses(fileOf(headerOf('<f4', `(${'1,'.repeat(33)})`), new Uint8Array(4)), /33 dimensions/);
  });

  test('refuses all but numbers and booleans, and says what the file holds', () => {
    for (const [descr, what] of [
      ['|O', /Python objects, whose pickles could run any program/],
      ['<c8', /complex numbers/],
      ['<M8[s]', /dates/],
      ['<U3', /text/],
      ['|V8', /an array with fields/],
      ['<f16', /the type '<f16'/],
      ['f4', /the type 'f4'/],
      ['', /the type ''/],
    ] as const) {
      refuses(fileOf(headerOf(descr, '()'), new Uint8Array(8)), what);
    }
    refuses(
      fileOf("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (), }", new Uint8Array(4)),
      /fields/,
    );
    refuses(fileOf(headerOf('|b1', '()'), Uint8Array.of(2)), /neither 0 nor 1/);
  });
});

test('writeNpy refuses anything but a tensor', () => {
  assert.throws(
    () => writeNpy(Float32Array.of(1) as never),
    /^TypeError: tensor must be a Tensor, .*Tensor\.from/,
  );
});
