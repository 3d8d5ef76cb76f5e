import { readFileSync } from 'node:fs';

/** Lines that are tried together: short enough to spread, long enough for most functions. */
const windowLines = 8;

/**
 * Chooses a share of the lines of some files, in windows, so that a run takes minutes rather than hours.
 *
 * @param share above 0 and up to 1; 1 gives the files whole.
 * @param random from 0 to 1, the same sequence for the same seed.
 * @returns what StrykerJS is to mutate: `file` or `file:first-last`.
 */
export function sample(files: readonly string[], share: number, random: () => number): string[] {
  if (share >= 1) return [...files];
  return files.flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n').length;
    const windows: string[] = [];
    for (let first = 1; first <= lines; first += windowLines) {
      if (random() < share) windows.push(`${file}:${first}-${first + windowLines - 1}`);
    }
    return windows;
  });
}
