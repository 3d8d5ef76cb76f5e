import { PeerloomError } from '../base/errors.ts';
import { FrameKind, frameHeaderBytes, idBody, idOf, positionOf } from '../wire/frames/frame.ts';
import type { Frame } from '../wire/frames/frame-reader.ts';
import { decodeGoodbye, goodbye } from '../wire/frames/goodbye.ts';
import { decodeCredit } from '../wire/frames/windows.ts';
import type { Calls } from './calls.ts';
import type { Closing } from './closing.ts';
import { type Liveness, livenessPingId } from './liveness.ts';
import type { ProtocolFrames } from './protocol-frames.ts';
import type { Incoming } from './receive/incoming.ts';
import type { Outgoing } from './send/outgoing.ts';
import type { Session } from './session/session.ts';
import type { Streams } from './streams/streams.ts';

/** The parts of a conversation that receive frames. */
export interface FrameReceivers {
  readonly incoming: Incoming;
  readonly outgoing: Outgoing;
  readonly closing: Closing;
  readonly isOpen: boolean;
  readonly liveness: Liveness;
  readonly streams: Streams;
  readonly calls: Calls;
  readonly protocols: ProtocolFrames | undefined;
  readonly session: Session | undefined;
}

/** Passes a frame to the right part by its kind. @throws PeerloomError `ERR_PROTOCOL`, `ERR_MESSAGE_TOO_LARGE`. */
export function routeFrame(frame: Frame, to: FrameReceivers): void {
  const { kind, body } = frame;
  switch (kind) {
    case FrameKind.message:
    case FrameKind.deliver:
    case FrameKind.request:
      if (to.isOpen) to.incoming.offer(frame);
      else to.incoming.drop(frame);
      break;
    case FrameKind.streamOpen:
      if (to.isOpen && to.streams.onOpen(frame)) to.incoming.offerStream(frame);
      break;
    case FrameKind.streamData:
    case FrameKind.streamCredit:
    case FrameKind.streamEnd:
    case FrameKind.streamAbort:
      to.streams.onFrame(frame);
      break;
    case FrameKind.delivered:
    case FrameKind.response:
    case FrameKind.failure:
      to.calls.onAnswer(frame);
      break;
    case FrameKind.protocol:
      if (to.protocols === undefined) throw misplaced(kind);
      to.protocols.onFrame(frame);
      break;
    case FrameKind.ping: {
      const isRead = to.outgoing.urgent(FrameKind.pong, idBody(idOf(kind, body)));
      if (!isRead) to.closing.fail(goodbye('overload'));
      break;
    }
    case FrameKind.pong: {
      const id = idOf(kind, body);
      if (id === livenessPingId) to.liveness.onPong();
      else to.calls.onPong(id);
      break;
    }
    case FrameKind.credit: {
      const { lane, position } = decodeCredit(body);
      to.outgoing.onCredit(lane, position);
      break;
    }
    case FrameKind.acknowledge:
      if (to.session === undefined) throw misplaced(kind);
      to.session.onAcknowledged(positionOf(body), frameHeaderBytes + body.length);
      break;
    case FrameKind.carry:
      if (to.session === undefined) throw misplaced(kind);
      to.session.onCarry(positionOf(body), frameHeaderBytes + body.length);
      break;
    case FrameKind.goodbye:
      to.closing.onGoodbye(decodeGoodbye(body));
      break;
    default:
      throw misplaced(kind);
  }
}

function misplaced(kind: number): PeerloomError {
  return new PeerloomError('ERR_PROTOCOL', `a frame of kind ${kind} is not allowed here`);
}
