// The data of this example, and who has which part of it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readNpz } from 'peerloom/tensors';

export interface Images {
  /** 64 pixels each, from 0 to 1. */
  readonly pixels: readonly Float32Array[];
  readonly labels: readonly number[];
}

export const nodes = 10;
const testImages = 360;

/** The images of digits.npz: the last 360 are for testing, the others are shared out. */
export async function loadDigits(): Promise<{ training: Images; test: Images }> {
  const state = readNpz(await readFile(join(import.meta.dirname, 'digits.npz')));
  const all = state.images!.toTyped('uint8');
  const labels = [...state.labels!.toTyped('uint8')];
  const pixels = labels.map((_, image) =>
    Float32Array.from(all.subarray(64 * image, 64 * (image + 1)), (grey) => grey / 16),
  );
  const cut = labels.length - testImages;
  return {
    training: { pixels: pixels.slice(0, cut), labels: labels.slice(0, cut) },
    test: { pixels: pixels.slice(cut), labels: labels.slice(cut) },
  };
}

/** Node 3 has only threes, fours and fives, and most of its images are threes. node.py shares out alike. */
export function partOf(index: number, { pixels, labels }: Images): Images {
  const own = labels.flatMap((label, image) => {
    const kind = image % 7;
    const owner = (label + nodes - (kind < 4 ? 0 : kind < 6 ? 1 : 2)) % nodes;
    return owner === index ? [image] : [];
  });
  return { pixels: own.map((image) => pixels[image]!), labels: own.map((image) => labels[image]!) };
}
