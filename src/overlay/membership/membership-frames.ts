import { PeerloomError } from '../../base/errors.ts';
import type { Priority } from '../../wire/frames/hello.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import { type AddressRecord, maxRecordBytes, readAddressRecord } from './address-record.ts';
import type { MembershipMessage } from './membership-messages.ts';

/** The kinds of frames of automatic membership: the first byte of a frame (docs/protocol.md, section 18). */
export const MembershipFrameKind = {
  introduce: 16,
  join: 17,
  joinReply: 18,
  forwardJoin: 19,
  ask: 20,
  answer: 21,
  drop: 22,
  shuffle: 23,
  shuffleReply: 24,
  hold: 25,
  release: 26,
} as const;

export type MembershipFrame =
  | MembershipMessage<AddressRecord>
  | {
      readonly kind: 'introduce';
      /** The host from which the sender sees the receiver connect. */
      readonly seenAs: string;
      /** The sender's own addresses. `undefined` if it cannot be dialled. */
      readonly record: AddressRecord | undefined;
    }
  | { readonly kind: 'join' }
  | { readonly kind: 'ask'; readonly priority: Priority }
  | { readonly kind: 'answer'; readonly isNeighbour: boolean }
  | { readonly kind: 'drop' }
  | { readonly kind: 'hold' }
  | { readonly kind: 'release' };

const priorities: readonly Priority[] = ['high', 'low', 'swap'];

/** The most records in a frame: a node, 3 neighbours and 4 passive nodes. */
export const maxRecords = 8;

/** The most links that a walk may have left. */
export const maxHopsLeft = 16;

const hostText = /^[!-~]*$/;

export function encodeMembershipFrame(frame: MembershipFrame): Uint8Array {
  const kind = MembershipFrameKind[frame.kind];
  switch (frame.kind) {
    case 'introduce': {
      const host = encodeText(frame.seenAs.slice(0, 255));
      return joinedBytes([kind, host.length], host, frame.record?.bytes ?? new Uint8Array(0));
    }
    case 'joinReply':
      return joinedBytes([kind, frame.isNeighbour ? 1 : 0], ...recordsOf(frame.contacts));
    case 'forwardJoin':
      return joinedBytes([kind, frame.hopsLeft], frame.contact.bytes);
    case 'ask':
      return Uint8Array.of(kind, priorities.indexOf(frame.priority));
    case 'answer':
      return Uint8Array.of(kind, frame.isNeighbour ? 1 : 0);
    case 'shuffle':
      return joinedBytes([kind, ...wordOf(frame.walk), frame.hopsLeft], ...recordsOf(frame.contacts));
    case 'shuffleReply':
      return joinedBytes([kind, ...wordOf(frame.walk)], ...recordsOf(frame.contacts));
    default:
      return Uint8Array.of(kind);
  }
}

/** @throws PeerloomError `ERR_PROTOCOL` if the frame is not valid. Signatures of records are not checked. */
export function readMembershipFrame(bytes: Uint8Array): MembershipFrame {
  const frame = read(bytes);
  if (frame !== undefined) return frame;
  throw new PeerloomError(
    'ERR_PROTOCOL',
    `a frame of ${bytes.length} bytes about membership that no node sends`,
  );
}

function read(bytes: Uint8Array): MembershipFrame | undefined {
  const { length } = bytes;
  switch (bytes[0]) {
    case MembershipFrameKind.introduce: {
      const hostEnd = 2 + (bytes[1] ?? 0);
      const seenAs = String.fromCharCode(...bytes.subarray(2, hostEnd));
      if (length < Math.max(2, hostEnd) || !hostText.test(seenAs)) return undefined;
      const record = length === hostEnd ? undefined : readAddressRecord(bytes.subarray(hostEnd));
      return { kind: 'introduce', seenAs, record };
    }
    case MembershipFrameKind.joinReply: {
      const isNeighbour = flagOf(bytes[1]);
      return isNeighbour === undefined
        ? undefined
        : { kind: 'joinReply', isNeighbour, contacts: readRecords(bytes.subarray(2)) };
    }
    case MembershipFrameKind.forwardJoin: {
      const hopsLeft = bytes[1] ?? 0;
      if (hopsLeft > maxHopsLeft) return undefined;
      return { kind: 'forwardJoin', hopsLeft, contact: readAddressRecord(bytes.subarray(2)) };
    }
    case MembershipFrameKind.ask: {
      const priority = length === 2 ? priorities[bytes[1]!] : undefined;
      return priority && { kind: 'ask', priority };
    }
    case MembershipFrameKind.answer: {
      const isNeighbour = length === 2 ? flagOf(bytes[1]) : undefined;
      return isNeighbour === undefined ? undefined : { kind: 'answer', isNeighbour };
    }
    case MembershipFrameKind.shuffle: {
      const hopsLeft = bytes[5] ?? maxHopsLeft + 1;
      if (hopsLeft > maxHopsLeft) return undefined;
      return { kind: 'shuffle', walk: readWord(bytes), hopsLeft, contacts: readRecords(bytes.subarray(6)) };
    }
    case MembershipFrameKind.shuffleReply:
      if (length < 5) return undefined;
      return { kind: 'shuffleReply', walk: readWord(bytes), contacts: readRecords(bytes.subarray(5)) };
    case MembershipFrameKind.join:
      return length === 1 ? { kind: 'join' } : undefined;
    case MembershipFrameKind.drop:
      return length === 1 ? { kind: 'drop' } : undefined;
    case MembershipFrameKind.hold:
      return length === 1 ? { kind: 'hold' } : undefined;
    case MembershipFrameKind.release:
      return length === 1 ? { kind: 'release' } : undefined;
    default:
      return undefined;
  }
}

function flagOf(byte: number | undefined): boolean | undefined {
  return byte === 0 || byte === 1 ? byte === 1 : undefined;
}

function recordsOf(records: readonly AddressRecord[]): Uint8Array[] {
  return records
    .slice(0, maxRecords)
    .flatMap(({ bytes }) => [Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

function readRecords(bytes: Uint8Array): AddressRecord[] {
  const records: AddressRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
    const end = at + 2 + length;
    if (records.length === maxRecords || length > maxRecordBytes || end > bytes.length) {
      throw new PeerloomError(
        'ERR_PROTOCOL',
        `a list of address records of ${bytes.length} bytes that no node sends`,
      );
    }
    records.push(readAddressRecord(bytes.subarray(at + 2, end)));
    at = end;
  }
  return records;
}

function wordOf(word: number): number[] {
  return [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff];
}

function readWord(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
}

function joinedBytes(head: readonly number[], ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, head.length));
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
