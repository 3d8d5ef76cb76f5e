import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { elementTypeOf, elementTypes, reverseElements } from '../../../src/tensors/tensor/typed-arrays.ts';

test('a host of the other byte order turns every element around, in a copy', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  assert.deepEqual([...reverseElements(bytes, 1)], [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual([...reverseElements(bytes, 2)], [2, 1, 4, 3, 6, 5, 8, 7]);
  assert.deepEqual([...reverseElements(bytes, 4)], [4, 3, 2, 1, 8, 7, 6, 5]);
  assert.deepEqual([...reverseElements(bytes, 8)], [8, 7, 6, 5, 4, 3, 2, 1]);
  assert.deepEqual([...bytes], [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual([...reverseElements(Buffer.from(bytes), 8)], [8, 7, 6, 5, 4, 3, 2, 1]);
  assert.equal(bytes[0], 1);
});

test('the element size is that of the class', () => {
  for (const { className, bytesPerElement } of elementTypes) {
    const TypedArray = Reflect.get(globalThis, className) as { BYTES_PER_ELEMENT: number } | undefined;
    if (TypedArray !== undefined) assert.equal(TypedArray.BYTES_PER_ELEMENT, bytesPerElement);
  }
});

test('typed arrays of another realm and of a subclass are known, bytes and views are not elements', () => {
  class Weights extends Float32Array {}
  assert.equal(elementTypeOf(new Weights(1))?.kind, 'float32');
  assert.equal(elementTypeOf(runInNewContext('new Int16Array(1)'))?.kind, 'int16');
  assert.equal(elementTypeOf(new Uint8Array(1)), undefined);
  assert.equal(elementTypeOf(new DataView(new ArrayBuffer(1))), undefined);
});
