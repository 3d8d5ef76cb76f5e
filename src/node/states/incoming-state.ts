import { type RunningSha256, runningSha256 } from '../../base/running-sha256.ts';
import { type StateDict, stateOf } from '../../tensors/formats/state-dict.ts';
import { Tensor } from '../../tensors/tensor/tensor.ts';
import { type Announced, decodeManifest, type StateHeader } from './state-form.ts';

/**
 * The part of a state dict that has arrived. It outlives its stream, so that another stream can bring the rest. Memory
 * for a tensor is allocated when its first bytes arrive, after the whole manifest was checked.
 */
export class IncomingState {
  readonly header: StateHeader;
  readonly #onGrowth: (bytes: number) => void;
  readonly #hash: RunningSha256 = runningSha256();
  readonly #manifest: Uint8Array;
  #announced: readonly Announced[] | undefined;
  readonly #elements: Uint8Array[] = [];
  /** How much of the last of {@link #elements} has arrived. */
  #filled = 0;
  #receivedBytes = 0;
  #heldBytes: number;

  /** @param header must have `manifestBytes` within the bound. */
  constructor(header: StateHeader, onGrowth: (bytes: number) => void) {
    this.header = header;
    this.#onGrowth = onGrowth;
    this.#manifest = new Uint8Array(header.manifestBytes);
    this.#heldBytes = header.manifestBytes;
    onGrowth(header.manifestBytes);
  }

  /** Received bytes of manifest and elements: the position from which the sender resumes. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Received bytes of elements. */
  get receivedElementBytes(): number {
    return Math.max(0, this.#receivedBytes - this.header.manifestBytes);
  }

  /** The allocated memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws Error if the bytes do not match the announcement. */
  push(bytes: Uint8Array): void {
    const { manifestBytes, bytes: elementBytes } = this.header;
    if (bytes.length > manifestBytes + elementBytes - this.#receivedBytes) {
      throw new Error('more bytes came than were announced');
    }
    this.#hash.update(bytes);
    const ofManifest = Math.min(bytes.length, Math.max(0, manifestBytes - this.#receivedBytes));
    this.#manifest.set(bytes.subarray(0, ofManifest), Math.min(this.#receivedBytes, manifestBytes));
    this.#receivedBytes += bytes.length;
    if (this.#receivedBytes < manifestBytes) return;
    this.#announced ??= decodeManifest(this.#manifest, this.header);
    this.#pushElements(bytes.subarray(ofManifest));
  }

  /** Returns the state. @throws Error unless it has arrived whole and unaltered. */
  finish(): StateDict {
    const { sha256, bytes, manifestBytes } = this.header;
    if (this.#receivedBytes !== manifestBytes + bytes) throw new Error('the state ended early');
    this.#announced ??= decodeManifest(this.#manifest, this.header);
    if (this.#hash.hex() !== sha256)
      throw new Error('the state is not the one that was announced: its hash differs');
    return stateOf(
      this.#announced.map(({ name, dtype, shape }, index) => {
        // The last tensors may have no elements.
        const data = this.#elements[index] ?? new Uint8Array(0);
        return [name, new Tensor(dtype, shape, data)] as const;
      }),
    );
  }

  #pushElements(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      const last = this.#elements.at(-1);
      const current = last !== undefined && this.#filled < last.length ? last : this.#nextTensor();
      const part = rest.subarray(0, current.length - this.#filled);
      current.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** The memory of the next tensor with elements. There is one, because no more bytes arrive than were announced. */
  #nextTensor(): Uint8Array {
    for (;;) {
      const memory = new Uint8Array(this.#announced![this.#elements.length]!.byteLength);
      this.#elements.push(memory);
      if (memory.length === 0) continue;
      this.#filled = 0;
      this.#heldBytes += memory.length;
      this.#onGrowth(memory.length);
      return memory;
    }
  }
}
