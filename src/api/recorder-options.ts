import { checkOptions, checkType, checkWhole } from '../base/arguments.ts';

/** Where a node writes down what happens to it, see docs/simulator.md. */
export interface RecorderOptions {
  /**
   * The file, which only this user can read. An earlier recording is overwritten; any other file is refused. The file
   * holds the node's private key, and everything that its peers and your program sent: keep it as secret as the key.
   */
  readonly path: string;
  /** The most bytes that the file may have; at least 1 MiB. Then the recording ends. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
}

/** {@link RecorderOptions} with the defaults. */
export interface ResolvedRecorder {
  readonly path: string;
  readonly maxBytes: number;
}

export const defaultRecorderBytes = 64 * 1024 * 1024;

/** Whatever arrives at once fits into each of the files. */
const minRecorderBytes = 1024 * 1024;

/** @throws TypeError or RangeError with the option, the rule and the value. */
export function resolveRecorder(given: RecorderOptions | undefined): ResolvedRecorder | undefined {
  if (given === undefined) return undefined;
  checkOptions(given, ['path', 'maxBytes'], 'recorder');
  const { path, maxBytes = defaultRecorderBytes } = given;
  checkType('recorder.path', path, 'string');
  return { path, maxBytes: checkWhole('recorder.maxBytes', maxBytes, minRecorderBytes) };
}
