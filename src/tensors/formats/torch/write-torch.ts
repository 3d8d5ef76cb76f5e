import { entriesOf, type StateDictLike } from '../state-dict.ts';
import { checkEntryCount } from '../zip/write-zip.ts';
import { pickleOf } from './pickle-writer.ts';
import { zipAsTorchDoes } from './torch-zip.ts';

/** The name of the folder in the archive. PyTorch uses it if it does not write to a named file. */
const folder = 'archive';

/** The entries besides the storages: `data.pkl` and `version`. */
const entriesBeside = 2;

/**
 * Writes tensors as `torch.save` does for a dict of contiguous tensors, so that `torch.load(…, weights_only=True)`
 * reads them. The bytes are those of PyTorch 1.13, which all newer versions read. PyTorch has `uint16`, `uint32` and
 * `uint64` since 2.3.
 *
 * @throws TypeError if a value is not a tensor. RangeError above 4 GiB; safetensors can hold more.
 */
export function writeTorch(state: StateDictLike): Uint8Array {
  const entries = entriesOf(state);
  checkEntryCount(entries.length + entriesBeside);
  const storages = entries.map(([, { data }], key) => ({ name: `${folder}/data/${key}`, content: data }));
  return zipAsTorchDoes([
    { name: `${folder}/data.pkl`, content: pickleOf(entries) },
    // Sorted by name, as PyTorch does: 0, 1, 10, 2.
    ...storages.sort((a, b) => (a.name < b.name ? -1 : 1)),
    { name: `${folder}/version`, content: new TextEncoder().encode('3\n') },
  ]);
}
