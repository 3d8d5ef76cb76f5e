import { PeerloomError } from '../../base/errors.ts';
import { FrameKind, positionBody, positionOf } from './frame.ts';

/*
 * Windows (docs/protocol.md, clauses 12.x): what a side may send of messages, of requests and of its protocols before
 * the other side is done with what it has. A credit names a lane and the position up to which it may send:
 *
 *    0      1          9
 *    +------+----------+
 *    | lane | position |
 *    +------+----------+
 *       u8     u64 BE
 */

/** Bytes that a message takes of its window beside its body: about the memory of its objects while it waits. */
export const messageCostBytes = 256;

/** The lanes that have a window. Everything else is sent without one. */
export const Lane = {
  /** Messages and deliveries. */
  messages: 0,
  requests: 1,
  /** Frames of protocols. */
  protocols: 2,
} as const;
export type Lane = (typeof Lane)[keyof typeof Lane];

/** The windows of a side: the bytes that the other side may send at first. */
export interface Windows {
  readonly messages: number;
  readonly requests: number;
  readonly protocols: number;
}

/** The lane of a kind of frames, if it has one. */
export function laneOf(kind: number): Lane | undefined {
  if (kind === FrameKind.message || kind === FrameKind.deliver) return Lane.messages;
  if (kind === FrameKind.request) return Lane.requests;
  return kind === FrameKind.protocol ? Lane.protocols : undefined;
}

export function creditBody(lane: Lane, position: number): Uint8Array {
  return Uint8Array.of(lane, ...positionBody(position));
}

/** @throws PeerloomError `ERR_PROTOCOL` for a lane that is not known, or a body of another length. */
export function decodeCredit(body: Uint8Array): { lane: Lane; position: number } {
  const lane = body[0];
  if (lane !== Lane.messages && lane !== Lane.requests && lane !== Lane.protocols) {
    throw new PeerloomError('ERR_PROTOCOL', 'the other side sent credit for an unknown lane');
  }
  return { lane, position: positionOf(body.subarray(1)) };
}
