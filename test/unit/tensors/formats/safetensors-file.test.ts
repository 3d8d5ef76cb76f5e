import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { openSafetensors, saveSafetensors, Tensor, writeSafetensors } from '../../../../src/tensors/index.ts';
import { withCode } from '../../../support/errors.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-tensors-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const state = {
  weight: Tensor.from(Float32Array.of(1, 2, 3, 4, 5, 6), { shape: [2, 3] }),
  bias: Tensor.from(BigInt64Array.of(-1n)),
  none: new Tensor('uint8', [0], new Uint8Array(0)),
};

suite('openSafetensors and saveSafetensors', () => {
  test('save what writeSafetensors writes, and read it tensor by tensor', async (t) => {
    const path = join(temporaryFolder(t), 'model.safetensors');
    writeFileSync(path, 'an older file');
    await saveSafetensors(path, state, { format: 'pt' });
    assert.deepEqual(new Uint8Array(readFileSync(path)), writeSafetensors(state, { format: 'pt' }));
    await using file = await openSafetensors(path);
    assert.deepEqual(file.names, ['bias', 'weight', 'none']);
    assert.deepEqual(file.metadata, { format: 'pt' });
    const { dtype, shape, byteLength } = file.tensors.get('weight')!;
    assert.deepEqual({ dtype, shape, byteLength }, { dtype: 'float32', shape: [2, 3], byteLength: 24 });
    const [weight, bias, none] = await Promise.all(
      ['weight', 'bias', 'none'].map((name) => file.tensor(name)),
    );
    assert.deepEqual({ weight, bias, none }, state);
  });

  test('leave no unfinished file behind', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'taken');
    mkdirSync(path);
    await assert.rejects(saveSafetensors(path, state), withCode('ERR_TENSOR_FILE', /taken cannot be used/));
    await Promise.all([1, 2, 3].map(() => saveSafetensors(join(folder, 'file'), state)));
    assert.deepEqual(readdirSync(folder), ['file', 'taken']);
  });

  test('say what is wrong with a file', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'file');
    await assert.rejects(openSafetensors(path), withCode('ERR_TENSOR_FILE', /ENOENT/));
    await assert.rejects(openSafetensors(folder), withCode('ERR_TENSOR_FILE', /EISDIR/));
    writeFileSync(path, '');
    await assert.rejects(openSafetensors(path), withCode('ERR_TENSOR_FORMAT', /at least 8 bytes, not 0/));
    writeFileSync(path, writeSafetensors(state).subarray(0, -1));
    await assert.rejects(openSafetensors(path), withCode('ERR_TENSOR_FORMAT', /cut short/));
  });

  test('refuse unknown names, and files that were closed or became shorter', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    await saveSafetensors(path, state);
    const file = await openSafetensors(path);
    await assert.rejects(file.tensor('constructor'), /^RangeError: .* has no tensor 'constructor'/);
    truncateSync(path, 10);
    await assert.rejects(file.tensor('weight'), withCode('ERR_TENSOR_FORMAT', /has become shorter/));
    await file.close();
    await file.close();
    await assert.rejects(file.tensor('weight'), withCode('ERR_TENSOR_FILE', /it is closed/));
  });
});
