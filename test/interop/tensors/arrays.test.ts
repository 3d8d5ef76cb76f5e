/** Files of arrays, byte for byte beside what the real NumPy, ml_dtypes and safetensors write, and read by them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import {
  readNpy,
  readNpz,
  readSafetensors,
  readSafetensorsWithMetadata,
  writeNpy,
  writeNpz,
  writeSafetensors,
} from '../../../src/tensors/index.ts';
import { withCode } from '../../support/errors.ts';
import { pythonWith } from '../../support/python-environment.ts';
import { askPython } from './ask-python.ts';
import {
  assertSameBytes,
  dtypes,
  type Sample,
  sampleOf,
  samplesIn,
  samplesOf,
  stateOf,
  tensorOf,
} from './samples.ts';
import '../../support/look-over.ts';

interface Written {
  readonly npy: Readonly<Record<string, string>>;
  readonly npz: string;
  readonly npzCompressed: string;
  readonly npzNames: string;
  readonly safetensors: string;
  readonly safetensorsMetadata: string;
  readonly safetensorsEmpty: string;
  readonly safetensorsFloat8: string;
  readonly npyOthers: Readonly<Record<string, string>>;
  readonly npyVersions: readonly string[];
  readonly npyRefused: Readonly<Record<string, string>>;
  readonly others: readonly Sample[];
  readonly numbers: Sample;
}

type Read = Readonly<Record<'npzCompressed' | 'safetensors', readonly Sample[]>>;

const script = join(import.meta.dirname, 'arrays.py');
const samples = samplesOf(dtypes);
const state = stateOf(samples);
const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, 'base64'));
const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const setup = await pythonWith({
  requirements: ['numpy==2.4.6', 'ml_dtypes==0.6.0', 'safetensors==0.8.0'],
  module: 'numpy, ml_dtypes, safetensors.numpy',
});
// Where everything must run, a missing package is a failure.
const skip = 'missing' in setup && process.env.CI !== 'true' ? setup.missing : false;

suite('arrays and the real NumPy and safetensors', { skip }, () => {
  let written: Written;
  let python: string;

  before(async () => {
    assert.ok('python' in setup, 'missing' in setup ? setup.missing : '');
    python = setup.python;
    written = await askPython<Written>(python, script, { do: 'write', what: samples });
  });

  test('an .npy file of every type and shape has the bytes of np.save', () => {
    for (const sample of samples) {
      const { [sample.name]: theirs } = written.npy;
      assertSameBytes(writeNpy(tensorOf(sample)), bytesOf(theirs!), sample.name);
      assert.deepEqual(sampleOf(sample.name, readNpy(bytesOf(theirs!))), sample);
    }
  });

  test("Fortran's order and big-endian elements are converted", () => {
    for (const sample of written.others) {
      const { [sample.name]: theirs } = written.npyOthers;
      assert.deepEqual(sampleOf(sample.name, readNpy(bytesOf(theirs!))), sample);
    }
  });

  test('every version of .npy is read', () => {
    for (const file of written.npyVersions) {
      assert.deepEqual(sampleOf('numbers', readNpy(bytesOf(file))), written.numbers);
    }
  });

  test('arrays of anything but numbers and booleans are refused', () => {
    const reasons: Readonly<Record<string, RegExp>> = {
      objects: /Python objects, whose pickles/,
      text: /holds text/,
      bytes: /holds text/,
      complex: /complex numbers/,
      dates: /dates/,
      fields: /an array with fields/,
      'long double': /the type '<f16'/,
      float8: /the type '[<|]V1'|fields/,
    };
    assert.deepEqual(Object.keys(written.npyRefused), Object.keys(reasons));
    for (const [what, file] of Object.entries(written.npyRefused)) {
      assert.throws(() => readNpy(bytesOf(file)), withCode('ERR_TENSOR_FORMAT', reasons[what]), what);
    }
  });

  test('an .npz file has the bytes of np.savez', () => {
    assertSameBytes(writeNpz(state), bytesOf(written.npz));
    assert.deepEqual(samplesIn(readNpz(bytesOf(written.npz))), samples);
  });

  test('a compressed .npz file is read on both sides', async () => {
    assert.deepEqual(samplesIn(readNpz(bytesOf(written.npzCompressed))), samples);
    const what = {
      npzCompressed: base64Of(writeNpz(state, { compress: true })),
      safetensors: written.safetensorsEmpty,
    };
    const { npzCompressed } = await askPython<Read>(python, script, { do: 'read', what });
    assert.deepEqual(npzCompressed, samples);
  });

  test('names of any kind are kept in an .npz file', () => {
    const read = readNpz(bytesOf(written.npzNames));
    assert.deepEqual(Object.keys(read), ['é/ü', '__proto__', '']);
    for (const sample of samplesIn(read)) assert.equal(sample.base64, written.numbers.base64);
    assertSameBytes(writeNpz(read), bytesOf(written.npzNames));
  });

  test('a safetensors file of every type and shape has the bytes of the package', async () => {
    const theirs = bytesOf(written.safetensors);
    assertSameBytes(writeSafetensors(state), theirs);
    const byName = (list: readonly Sample[]): readonly Sample[] =>
      list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    assert.deepEqual(byName(samplesIn(readSafetensors(theirs))), byName(samples));
    // The package writes bfloat16 of ml_dtypes, but does not read it into NumPy.
    const readable = samples.filter(({ dtype }) => dtype !== 'bfloat16');
    const ours = writeSafetensors(stateOf(readable), { a: 'b', c: 'é' });
    const what = { npzCompressed: written.npz, safetensors: base64Of(ours) };
    const read = await askPython<Read>(python, script, { do: 'read', what });
    assert.deepEqual(byName(read.safetensors), byName(readable));
  });

  test('metadata and names of any kind are kept in a safetensors file', () => {
    const read = readSafetensorsWithMetadata(bytesOf(written.safetensorsMetadata));
    assert.deepEqual(read.metadata, { format: 'np\t😀' });
    assert.deepEqual(Object.keys(read.state).sort(), ['é "\n\u2028😀', '\uffee']);
    assertSameBytes(writeSafetensors(read.state, read.metadata), bytesOf(written.safetensorsMetadata));
    assertSameBytes(writeSafetensors({}), bytesOf(written.safetensorsEmpty));
    assert.deepEqual(readSafetensors(bytesOf(written.safetensorsEmpty)), {});
  });

  test('float8 is refused, and the error names the tensor and the type', () => {
    assert.throws(
      () => readSafetensors(bytesOf(written.safetensorsFloat8)),
      withCode('ERR_TENSOR_FORMAT', /^the tensor 'a' has the type 'F8_E4M3'.*convert it first/),
    );
  });
});
