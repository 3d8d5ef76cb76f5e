import type { Data } from '../../base/data.ts';
import type { DataReceiver } from '../../transport/data-link.ts';
import { frameHeaderBytes } from '../../wire/frames/frame.ts';
import { type Freight, none } from './freight.ts';

/** Messages that arrived together as data, or a single one that has to wait. */
export class DataBatch {
  /** The bytes for which the whole batch counts. */
  readonly length: number;
  readonly #data: (readonly [data: Data, bytes: number])[] = [];

  /** Takes pieces out of the freight. Only the first `count` pieces have arrived; the others are lost. */
  constructor(freight: Freight, first: number, count: number) {
    let length = 0;
    for (let piece = first; piece !== none; ) {
      const next = freight.next(piece);
      const bytes = freight.bytesOf(piece);
      const data = freight.take(piece) as Data;
      if (this.#data.length < count) this.#data.push([data, bytes]);
      length += bytes + frameHeaderBytes;
      piece = next;
    }
    this.length = length;
  }

  read(receiver: DataReceiver): void {
    for (const [data, bytes] of this.#data) receiver.receiveData(data, bytes);
  }
}
