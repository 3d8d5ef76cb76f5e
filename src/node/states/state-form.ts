import type { Data } from '../../base/data.ts';
import type { NamedTensor } from '../../tensors/formats/state-dict.ts';
import { byteLengthOf, type DType, isDType } from '../../tensors/tensor/dtypes.ts';
import { checkJsonShape } from '../../wire/payloads/nesting.ts';
import { decodeText, encodeText } from '../../wire/payloads/text.ts';
import { stateMark } from './state-mark.ts';

/*
 * How a state dict travels in a stream (docs/protocol.md, section 9). The opener's half:
 *
 *   header of the stream        { peerloom: 'state/1', sha256, bytes, manifestBytes, tensors, info }
 *   manifest                    JSON: [[name, dtype, shape], …]
 *   elements of each tensor     in the order of the manifest, without gaps
 *
 * and the other half: one byte, 0 and the position (8 bytes, big-endian) of manifest and elements from which to send,
 * or 1 and the reason, in UTF-8, for which the state is refused.
 */

/** The bounds of a state dict. */
export const stateBounds = { tensors: 16_384, manifestBytes: 2 * 1024 * 1024, nameLength: 512 } as const;

/** The first byte of the answer. */
export const Answer = { accepted: 0, refused: 1 } as const;

/** The length of an answer that accepts. */
export const acceptedBytes = 9;

/** The opener's description of a state, sent before the state. */
export interface StateHeader {
  /** The hash of manifest and elements. */
  readonly sha256: string;
  /** The size of all elements. */
  readonly bytes: number;
  readonly manifestBytes: number;
  readonly tensors: number;
  readonly info: Data;
}

/** A tensor whose elements have not arrived yet. */
export interface Announced {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** The header of the stream. */
export function headerData(header: StateHeader): Data {
  return { peerloom: stateMark, ...header };
}

/** @throws Error that says what is wrong. */
export function readHeader(given: { readonly [name: string]: Data }): StateHeader {
  const { sha256, bytes, manifestBytes, tensors, info = null } = given;
  const isHeader =
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256) &&
    [bytes, manifestBytes, tensors].every((count) => Number.isSafeInteger(count) && (count as number) >= 0);
  if (!isHeader) throw new Error('the header of the state is malformed');
  return { sha256, bytes, manifestBytes, tensors, info } as StateHeader;
}

/** Encodes the manifest of tensors. @throws RangeError if a receiver would not accept it. */
export function encodeManifest(entries: readonly NamedTensor[]): Uint8Array {
  const { tensors, manifestBytes, nameLength } = stateBounds;
  if (entries.length > tensors)
    throw new RangeError(`a state has at most ${tensors} tensors, not ${entries.length}`);
  const long = entries.find(([name]) => name.length > nameLength);
  if (long)
    throw new RangeError(
      `the name of a tensor has at most ${nameLength} characters: '${long[0].slice(0, 40)}…'`,
    );
  const manifest = encodeText(
    JSON.stringify(entries.map(([name, { dtype, shape }]) => [name, dtype, shape])),
  );
  if (manifest.length <= manifestBytes) return manifest;
  throw new RangeError(
    `the names and shapes of a state take at most ${manifestBytes} bytes, not ${manifest.length}`,
  );
}

/**
 * Decodes a manifest, which describes the elements that follow it.
 *
 * @throws Error if it is not a manifest, or does not match the header.
 */
export function decodeManifest(manifest: Uint8Array, { bytes, tensors }: StateHeader): Announced[] {
  checkJsonShape(manifest, { maxDepth: 3, maxContainers: 2 * stateBounds.tensors + 1 });
  const entries: unknown = JSON.parse(decodeText(manifest));
  if (!Array.isArray(entries) || entries.length !== tensors)
    throw new Error(`the manifest has not ${tensors} tensors`);
  const names = new Set<string>();
  let sum = 0;
  const announced = entries.map((entry: unknown) => {
    const [name, dtype, shape] = Array.isArray(entry) ? entry : [];
    if (typeof name !== 'string' || name.length > stateBounds.nameLength || !name.isWellFormed()) {
      throw new Error('the manifest has a name that no tensor can have');
    }
    if (names.has(name)) throw new Error('the manifest has a name twice');
    names.add(name);
    if (!isDType(dtype) || !Array.isArray(shape))
      throw new Error('the manifest has a tensor without type or shape');
    const byteLength = byteLengthOf(dtype, shape);
    sum += byteLength;
    return { name, dtype, shape, byteLength };
  });
  if (sum !== bytes)
    throw new Error(`the tensors of the manifest have ${sum} bytes, but ${bytes} were announced`);
  return announced;
}

/** The answer that accepts. */
export function acceptedFrom(position: number): Uint8Array {
  const answer = new Uint8Array(acceptedBytes);
  new DataView(answer.buffer).setBigUint64(1, BigInt(position));
  return answer;
}

/** The answer that refuses. */
export function refusedFor(reason: string): Uint8Array {
  return Uint8Array.of(Answer.refused, ...encodeText(reason.slice(0, 300).toWellFormed()));
}
