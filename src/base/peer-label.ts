import { printable } from './printable.ts';

/** How many characters of an id are enough for a reader. */
const shortIdLength = 6;

/** How logs, reasons and errors name a peer: its name, which proves nothing, and the end of its id. */
export function peerLabel({ id, name }: { readonly id: string; readonly name: string }): string {
  const short = id.length > 2 * shortIdLength ? `…${id.slice(-shortIdLength)}` : id;
  return name === '' || name === id ? short : `${printable(name)} (${short})`;
}
