import { entriesOf, type StateDictLike } from '../state-dict.ts';
import { checkEntryCount } from '../zip/write-zip.ts';
import { pickleOf } from './pickle-writer.ts';
import { zipAsTorchDoes } from './torch-zip.ts';

/** What PyTorch calls the folder in the archive when it does not write to a file with a name. */
const folder = 'archive';

/** `data.pkl` and `version` */
const entriesBeside = 2;

/**
 * Writes tensors as `torch.save` does for a dict of contiguous tensors, so that `torch.load(…, weights_only=True)` reads
 * them: byte for byte as PyTorch 1.13, which all newer ones read. PyTorch has `uint16`, `uint32` and `uint64` since 2.3.
 *
 * @throws TypeError for anything but tensors. RangeError above 4 GiB, which safetensors can hold.
 */
export function writeTorch(state: StateDictLike): Uint8Array {
  const entries = entriesOf(state);
  checkEntryCount(entries.length + entriesBeside);
  const storages = entries.map(([, { data }], key) => ({ name: `${folder}/data/${key}`, content: data }));
  return zipAsTorchDoes([
    { name: `${folder}/data.pkl`, content: pickleOf(entries) },
    // By their names, as PyTorch sorts them: 0, 1, 10, 2.
    ...storages.sort((a, b) => (a.name < b.name ? -1 : 1)),
    { name: `${folder}/version`, content: new TextEncoder().encode('3\n') },
  ]);
}
