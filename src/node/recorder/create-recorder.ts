import type { NodeOptions, ResolvedOptions } from '../../api/options.ts';
import { Recorder } from './recorder.ts';

/**
 * Creates the recorder if the options ask for one.
 *
 * @throws TypeError if a node with these options cannot be recorded, or the file cannot be written.
 */
export function createRecorder(
  options: ResolvedOptions,
  {
    given = {},
    host,
    port,
  }: { readonly given?: NodeOptions | undefined; readonly host: string; readonly port: number },
): Recorder | undefined {
  const { recorder } = options;
  return recorder === undefined ? undefined : new Recorder(recorder, options, { given, host, port });
}
