import { checkOptions, checkWhole } from '../../base/arguments.ts';

/** The options of {@link readNpz} and {@link readTorch}. */
export interface ReadZipOptions {
  /**
   * How many bytes all compressed entries together may have after decompression. Entries that are not compressed do not
   * count. Default: 268,435,456 (256 MiB).
   */
  readonly maxInflatedBytes?: number;
}

const maxInflatedBytesByDefault = 256 * 1024 * 1024;

/** Checks the options and fills in the defaults. @throws TypeError, RangeError. */
export function checkReadOptions(options: ReadZipOptions): Required<ReadZipOptions> {
  checkOptions(options, ['maxInflatedBytes']);
  const { maxInflatedBytes = maxInflatedBytesByDefault } = options;
  return { maxInflatedBytes: checkWhole('maxInflatedBytes', maxInflatedBytes, 0) };
}
