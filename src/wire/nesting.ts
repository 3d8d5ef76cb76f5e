const quote = 0x22;
const backslash = 0x5c;

/**
 * Holds JSON text to a depth before it is parsed. Bodies too short to nest deeper are not looked at.
 *
 * @throws Error when lists and objects stand inside one another deeper than `maxDepth`.
 */
export function checkJsonNesting(body: Uint8Array, maxDepth: number): void {
  if (body.length <= 2 * maxDepth) return;
  let depth = 0;
  for (let index = 0; index < body.length; index++) {
    switch (body[index]) {
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > maxDepth) throw new Error(`nested deeper than ${maxDepth} levels`);
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
}
