import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { PeerloomError } from '../base/errors.ts';

/** The kinds of frames between neighbours (docs/protocol.md, section 14). The kind is the first byte of a frame. */
export const OverlayFrameKind = {
  push: 1,
  announce: 2,
  offer: 3,
  graft: 4,
  prune: 5,
  probe: 6,
  echo: 7,
} as const;

/** The id of a broadcast, and the number of links over which it reached the announcing node. */
export interface Announcement {
  readonly id: string;
  readonly hops: number;
}

/** A frame that shapes the tree along which broadcasts travel. */
export type TreeFrame =
  | { readonly kind: 'announce' | 'offer'; readonly announcements: readonly Announcement[] }
  | { readonly kind: 'graft'; readonly id: string | undefined }
  | { readonly kind: 'prune' };

export type OverlayFrame =
  | TreeFrame
  | { readonly kind: 'push'; readonly hops: number; readonly broadcast: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'probe'; readonly nonce: number }
  | { readonly kind: 'echo'; readonly nonce: number };

const idBytes = 32;
const announcementBytes = 1 + idBytes;
const nonceBytes = 4;

/** The most announcements in one frame. */
export const maxAnnouncements = 256;

/** The highest count of hops. */
const maxHops = 255;

export function pushFrame(hops: number, broadcast: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + broadcast.length);
  frame[0] = OverlayFrameKind.push;
  frame[1] = Math.min(hops, maxHops);
  frame.set(broadcast, 2);
  return frame;
}

export function announcementFrame(
  kind: 'announce' | 'offer',
  announcements: readonly Announcement[],
): Uint8Array {
  const frame = new Uint8Array(1 + announcements.length * announcementBytes);
  frame[0] = OverlayFrameKind[kind];
  announcements.forEach(({ id, hops }, index) => {
    const at = 1 + index * announcementBytes;
    frame[at] = Math.min(hops, maxHops);
    frame.set(hexToBytes(id), at + 1);
  });
  return frame;
}

/** @param id the broadcast to send. Without it, the peer only pushes future broadcasts again. */
export function graftFrame(id?: string): Uint8Array {
  const frame = new Uint8Array(id === undefined ? 1 : 1 + idBytes);
  frame[0] = OverlayFrameKind.graft;
  if (id !== undefined) frame.set(hexToBytes(id), 1);
  return frame;
}

export function pruneFrame(): Uint8Array {
  return Uint8Array.of(OverlayFrameKind.prune);
}

/** @param nonce a whole number of 32 bits, which the peer echoes. */
export function probeFrame(kind: 'probe' | 'echo', nonce: number): Uint8Array {
  const frame = new Uint8Array(1 + nonceBytes);
  frame[0] = OverlayFrameKind[kind];
  new DataView(frame.buffer).setUint32(1, nonce);
  return frame;
}

/** @throws PeerloomError `ERR_PROTOCOL` if the frame is not valid. */
export function readOverlayFrame(bytes: Uint8Array): OverlayFrame {
  const body = bytes.subarray(1);
  switch (bytes[0]) {
    case OverlayFrameKind.push:
      // Each protocol frame has its own memory, which nothing else uses.
      return { kind: 'push', hops: body[0] ?? 0, broadcast: body.subarray(1) as Uint8Array<ArrayBuffer> };
    case OverlayFrameKind.announce:
      return { kind: 'announce', announcements: announcementsOf(body) };
    case OverlayFrameKind.offer:
      return { kind: 'offer', announcements: announcementsOf(body) };
    case OverlayFrameKind.graft:
      if (body.length !== 0 && body.length !== idBytes) break;
      return { kind: 'graft', id: body.length === 0 ? undefined : bytesToHex(body) };
    case OverlayFrameKind.prune:
      if (body.length !== 0) break;
      return { kind: 'prune' };
    case OverlayFrameKind.probe:
    case OverlayFrameKind.echo:
      if (body.length !== nonceBytes) break;
      return {
        kind: bytes[0] === OverlayFrameKind.probe ? 'probe' : 'echo',
        nonce: new DataView(body.buffer, body.byteOffset).getUint32(0),
      };
  }
  throw new PeerloomError('ERR_PROTOCOL', `a frame of ${bytes.length} bytes that no node sends`);
}

function announcementsOf(body: Uint8Array): readonly Announcement[] {
  const count = body.length / announcementBytes;
  if (!Number.isInteger(count) || count < 1 || count > maxAnnouncements) {
    throw new PeerloomError('ERR_PROTOCOL', `announcements of ${body.length} bytes`);
  }
  return Array.from({ length: count }, (_, index) => {
    const at = index * announcementBytes;
    return { hops: body[at]!, id: bytesToHex(body.subarray(at + 1, at + announcementBytes)) };
  });
}
