const quote = 0x22;
const backslash = 0x5c;

/** What a message may hold. */
export interface ShapeLimits {
  /** How deep lists and objects may be nested. */
  readonly maxDepth: number;
  /** How many lists, objects, byte strings and typed arrays there may be in all. */
  readonly maxContainers: number;
}

const noLimits: ShapeLimits = {
  maxDepth: Number.POSITIVE_INFINITY,
  maxContainers: Number.POSITIVE_INFINITY,
};

/**
 * Checks the limits of JSON text before it is parsed. Bodies too short to exceed them are not scanned.
 *
 * @throws Error that names the exceeded limit.
 */
export function checkJsonShape(body: Uint8Array, limits: ShapeLimits): void {
  if (body.length > 2 * limits.maxDepth || body.length > limits.maxContainers) {
    countJsonContainers(body, limits);
  }
}

/**
 * Counts the lists and objects in JSON text, valid or not.
 *
 * @throws Error as soon as a limit is exceeded.
 */
export function countJsonContainers(body: Uint8Array, limits = noLimits): number {
  const { maxDepth, maxContainers } = limits;
  let depth = 0;
  let count = 0;
  for (let index = 0; index < body.length; index++) {
    switch (body[index]) {
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > maxDepth) throw new Error(tooDeep(maxDepth));
        if (++count > maxContainers) throw new Error(tooManyContainers(maxContainers));
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case quote:
        index++;
        while (index < body.length && body[index] !== quote) index += body[index] === backslash ? 2 : 1;
        break;
    }
  }
  return count;
}

export function tooDeep(maxDepth: number): string {
  return `nested deeper than ${maxDepth} levels`;
}

export function tooManyContainers(maxContainers: number): string {
  return `it holds more than ${maxContainers} lists, objects, byte strings and typed arrays (limits.maxContainers)`;
}
