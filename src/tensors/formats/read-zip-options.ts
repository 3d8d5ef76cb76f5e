import { checkOptions, checkWhole } from '../../base/arguments.ts';

/** What {@link readNpz} and {@link readTorch} take. */
export interface ReadZipOptions {
  /**
   * How many bytes compressed entries may have when they are decompressed, all together. Entries that are not
   * compressed do not count. Default: 268,435,456 (256 MiB).
   */
  readonly maxInflatedBytes?: number;
}

const maxInflatedBytesByDefault = 256 * 1024 * 1024;

/** @throws TypeError, RangeError. */
export function checkReadOptions(options: ReadZipOptions): Required<ReadZipOptions> {
  checkOptions(options, ['maxInflatedBytes']);
  const { maxInflatedBytes = maxInflatedBytesByDefault } = options;
  return { maxInflatedBytes: checkWhole('maxInflatedBytes', maxInflatedBytes, 0) };
}
