/** Files of tensors that the real PyTorch writes, and reads with weights_only=True. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import { readTorch, type StateDict, Tensor, writeTorch } from '../../../src/tensors/index.ts';
import { withCode } from '../../support/errors.ts';
import { askPython, pythonThatHas } from './ask-python.ts';
import { assertSameBytes, dtypes, type Sample, sampleOf, samplesIn, samplesOf, stateOf } from './samples.ts';
import '../../support/look-over.ts';

interface Written {
  readonly version: string;
  readonly types: readonly string[];
  readonly all: string;
  readonly one: string;
  readonly none: string;
  readonly many: string;
  readonly thousand: string;
  readonly ordered: string;
  readonly model: string;
  readonly parameters: string;
  readonly bare: string;
  readonly views: string;
  readonly checkpoint: string;
  readonly refused: Readonly<Record<string, string>>;
  readonly samples: Readonly<
    Record<'many' | 'model' | 'parameters' | 'bare' | 'views' | 'checkpoint', readonly Sample[]>
  >;
}

type Read = Readonly<Record<string, readonly Sample[]>>;

const script = join(import.meta.dirname, 'tensors.py');
const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, 'base64'));
const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Debian's package belongs to /usr/bin/python3. PEERLOOM_TORCH_PYTHON names another Python, for example one with PyTorch 2. */
const { PEERLOOM_TORCH_PYTHON: chosen } = process.env;
const setup = await pythonThatHas('torch', chosen === undefined ? ['python3', '/usr/bin/python3'] : [chosen]);
const skip = 'missing' in setup ? `${setup.missing}; on Debian, apt-get install python3-torch` : false;

suite('tensors and the real PyTorch', { skip }, () => {
  let written: Written;
  let python: string;
  let samples: readonly Sample[];

  before(async () => {
    assert.ok('python' in setup);
    python = setup.python;
    written = await askPython<Written>(python, script, { do: 'write', what: samplesOf(dtypes) });
    // PyTorch has uint16, uint32 and uint64 since 2.3.
    assert.ok(written.types.length === dtypes.length || written.types.length === dtypes.length - 3);
    samples = samplesOf(dtypes.filter((dtype) => written.types.includes(dtype)));
  });

  const filesOf = (files: Readonly<Record<string, StateDict>>): Record<string, string> =>
    Object.fromEntries(Object.entries(files).map(([name, state]) => [name, base64Of(writeTorch(state))]));

  test('every type and shape is read as it was written', () => {
    assert.deepEqual(samplesIn(readTorch(bytesOf(written.all))), samples);
    assert.deepEqual(samplesIn(readTorch(bytesOf(written.ordered))), samples);
    assert.deepEqual(readTorch(bytesOf(written.none)), {});
    assert.deepEqual(samplesIn(readTorch(bytesOf(written.many))), written.samples.many);
  });

  test('what is written here is read there, with weights_only=True', async () => {
    const files = filesOf({
      all: stateOf(samples),
      none: {},
      many: readTorch(bytesOf(written.many)),
      names: { 'é\n"😀': readTorch(bytesOf(written.bare)).tensor!, '0': Tensor.from([1, 2]) },
    });
    const read = await askPython<Read>(python, script, { do: 'read', what: files });
    assert.deepEqual(read.all, samples);
    assert.deepEqual(read.none, []);
    assert.deepEqual(read.many, written.samples.many);
    assert.deepEqual(
      read.names!.map(({ name }) => name),
      ['0', 'é\n"😀'],
    );
  });

  test('what is written here has the bytes of PyTorch 1.13', (t) => {
    if (!written.version.startsWith('1.13')) return t.skip(`this is PyTorch ${written.version}`);
    assertSameBytes(writeTorch(stateOf(samples)), bytesOf(written.all));
    for (const file of [written.one, written.none, written.thousand, written.many]) {
      assertSameBytes(writeTorch(readTorch(bytesOf(file))), bytesOf(file));
    }
  });

  test('the state dict of a model, its parameters and a single tensor are read', () => {
    for (const what of ['model', 'parameters', 'bare'] as const) {
      assert.deepEqual(samplesIn(readTorch(bytesOf(written[what]))), written.samples[what], what);
    }
  });

  test('views that are transposed, strided, expanded or parts come in row-major order', () => {
    assert.deepEqual(samplesIn(readTorch(bytesOf(written.views))), written.samples.views);
  });

  test('the tensors of a checkpoint are named by their path, and numbers beside them left out', () => {
    const byName = (list: readonly Sample[]): readonly Sample[] =>
      list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const read = readTorch(bytesOf(written.checkpoint));
    assert.deepEqual(byName(samplesIn(read)), byName(written.samples.checkpoint));
    assert.ok('model.0.weight' in read && 'optimizer.state.0.momentum_buffer' in read && 'list.1.0' in read);
    assert.equal(sampleOf('', read['model.1.num_batches_tracked']!).dtype, 'int64');
  });

  test('files that ask for more than tensors are refused, and the error says what to do', () => {
    assert.equal(Object.keys(written.refused).length, 7);
    for (const [what, file] of Object.entries(written.refused)) {
      const advice = /save (model\.state_dict\(\) alone, or use safetensors|it again with a newer one)/;
      assert.throws(() => readTorch(bytesOf(file)), withCode('ERR_TENSOR_FORMAT', advice), what);
    }
  });
});
