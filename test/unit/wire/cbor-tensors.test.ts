import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { PeerloomError } from '../../../src/base/errors.ts';
import { runNow } from '../../../src/base/steps.ts';
import type { DType } from '../../../src/tensors/tensor/dtypes.ts';
import { layouts } from '../../../src/tensors/tensor/dtypes.ts';
import { Tensor } from '../../../src/tensors/tensor/tensor.ts';
import {
  decodePayload,
  encodePayload,
  PayloadFormat,
  payloadSteps,
} from '../../../src/wire/payloads/payload.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const decodeHex = (text: string) =>
  decodePayload(PayloadFormat.cbor, Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex')));
const throughTheWire = (data: Data) => {
  const { format, body } = encodePayload(data);
  return decodePayload(format, body.slice());
};

suite('clause 5.6: the bytes of a tensor', () => {
  const examples: [Tensor, string][] = [
    [
      Tensor.from(
        [
          [1, 2],
          [3, 4],
        ],
        { dtype: 'uint16' },
      ),
      'd828 82 820202 d845 480100020003000400',
    ],
    [Tensor.from([1]), 'd828 82 8101 d855 440000803f'],
    [Tensor.from(7, { dtype: 'int8' }), 'd828 82 80 d848 4107'],
    [new Tensor('uint8', [2], Uint8Array.of(1, 2)), 'd828 82 8102 d840 420102'],
    [new Tensor('float16', [1], Uint8Array.of(0, 0x3c)), 'd828 82 8101 d854 42003c'],
    [new Tensor('bfloat16', [1], Uint8Array.of(0x80, 0x3f)), 'd9706c 83 8101 6862666c6f61743136 42803f'],
    [Tensor.from([true, false]), 'd9706c 83 8102 64626f6f6c 420100'],
    [new Tensor('float32', [2, 0], new Uint8Array(0)), 'd9706c 83 820200 67666c6f61743332 40'],
  ];
  for (const [tensor, bytes] of examples) {
    test(`${tensor.dtype} [${tensor.shape}]`, () => {
      const { format, body } = encodePayload(tensor);
      assert.equal(format, PayloadFormat.cbor);
      assert.equal(hex(body), bytes.replaceAll(' ', ''));
      assert.deepStrictEqual(decodeHex(bytes), tensor);
    });
  }

  test('every type is read behind both tags', () => {
    for (const dtype of Object.keys(layouts) as DType[]) {
      const { bytesPerElement } = layouts[dtype];
      const name = hex(new TextEncoder().encode(dtype));
      const head = (0x60 + dtype.length).toString(16);
      const element = '01'.repeat(bytesPerElement);
      const read = decodeHex(`d9706c 83 8101 ${head}${name} 4${bytesPerElement}${element}`);
      const tensor = new Tensor(dtype, [1], new Uint8Array(bytesPerElement).fill(1));
      assert.deepStrictEqual(read, tensor);
      assert.deepStrictEqual(throughTheWire(tensor), tensor);
    }
  });

  test('inside objects and lists, at once and in steps, in memory of its own', () => {
    const data = { round: 3, list: [Tensor.from([1.5, 2.5]), new Uint8Array(2)], bias: Tensor.from(1n) };
    const { format, body } = encodePayload(data);
    assert.deepStrictEqual(decodePayload(format, body), data);
    const inSteps = runNow(payloadSteps(format, body)) as typeof data;
    assert.deepStrictEqual(inSteps, data);
    body.fill(0);
    assert.deepStrictEqual(inSteps, data);
    assert.equal(Tensor.from(inSteps.bias).data.byteOffset % 8, 0);
  });
});

suite('what is not a tensor is refused, before its bytes are kept', () => {
  const refused = {
    'more bytes than the shape needs': 'd828 82 8101 d845 4401000200',
    'fewer bytes than the shape needs': 'd828 82 8103 d845 4401000200',
    'bytes that are not there': 'd828 82 811a00010000 d840 5a00010000 00',
    'a shape whose size is past 2^53': 'd828 82 821b001fffffffffffff1b001fffffffffffff d840 40',
    'a huge shape with a zero in it': 'd9706c 83 831b001fffffffffffff1b001fffffffffffff00 6475696e743800 40',
    'a dimension that is negative': 'd828 82 8120 d840 40',
    'a dimension that is a float': 'd828 82 81f93c00 d840 4101',
    'a dimension of 0 behind the tag 40': 'd828 82 8100 d840 40',
    '33 dimensions': `d828 82 9821 ${'01'.repeat(33)} d840 4101`,
    'dimensions that never end': 'd828 82 9bffffffffffffffff',
    'a list of three behind the tag 40': 'd828 83 8101 d840 4101 01',
    'a list of two behind the own tag': 'd9706c 82 8101 4101',
    'elements that are a list': 'd828 82 8101 8101',
    'elements without a tag': 'd828 82 8101 4101',
    'elements with a big-endian tag': 'd828 82 8101 d841 420001',
    'clamped elements': 'd828 82 8101 d844 4101',
    'a type that does not exist': 'd9706c 83 8101 65696e743132 4101',
    'a type named like what all objects have': 'd9706c 83 8101 68746f537472696e67 4101',
    'a name that is long': `d9706c 83 8101 7903e8${'61'.repeat(1000)} 4101`,
    'a bool that is neither 0 nor 1': 'd9706c 83 8101 64626f6f6c 4102',
    'nothing behind the tag': 'd828',
    'uint8 elements outside a tensor': 'd840 4101',
  };
  for (const [what, bytes] of Object.entries(refused)) {
    test(what, () => {
      assert.throws(
        () => decodeHex(bytes),
        (error) => error instanceof PeerloomError && error.code === 'ERR_MESSAGE_INVALID',
      );
    });
  }
});

test('a tensor whose memory was transferred is refused where it is sent', () => {
  const tensor = Tensor.from(new Float32Array(4));
  structuredClone(tensor.data, { transfer: [tensor.data.buffer] });
  assert.throws(() => encodePayload({ tensor }), /data\.tensor is a tensor whose memory was transferred/);
});
