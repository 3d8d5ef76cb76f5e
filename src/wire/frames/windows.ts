import { PeerloomError } from '../../base/errors.ts';
import { FrameKind, positionBody, positionOf } from './frame.ts';

/*
 * Windows (docs/protocol.md, section 12) limit how far a side may send messages, requests and protocol frames before
 * the other side has handled earlier ones. A credit names a lane and the position up to which the side may send:
 *
 *    0      1          9
 *    +------+----------+
 *    | lane | position |
 *    +------+----------+
 *       u8     u64 BE
 */

/** What a message costs of its window beside its body: about the memory of its objects while it waits. */
export const messageCostBytes = 256;

/** The lanes, each with a window. Everything else is sent without a window. */
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

/** @throws PeerloomError `ERR_PROTOCOL` for an unknown lane, or a body of another length. */
export function decodeCredit(body: Uint8Array): { lane: Lane; position: number } {
  const lane = body[0];
  if (lane !== Lane.messages && lane !== Lane.requests && lane !== Lane.protocols) {
    throw new PeerloomError('ERR_PROTOCOL', 'the other side sent credit for an unknown lane');
  }
  return { lane, position: positionOf(body.subarray(1)) };
}
