import { maxEveryMs, minEveryMs } from '../../api/presence.ts';
import { PayloadFormat } from '../../wire/payloads/payload.ts';
import type { Broadcast } from '../broadcast.ts';

/** The topic of announcements. No topic of a user begins with a zero character. */
export const presenceTopic = '\0presence';

/** An announcement has four bytes: the period of the origin in milliseconds. */
const bodyBytes = 4;

/** Written instead of a period when the origin leaves. */
const leaving = 0;

/** The content of a broadcast about the presence of its origin. */
export interface Announcement {
  readonly origin: string;
  /** The time of the broadcast. Of two announcements of one origin, the later one counts. */
  readonly timeUs: number;
  /** The origin announces itself again within this time, in milliseconds. `undefined` if it leaves. */
  readonly everyMs: number | undefined;
}

/** @param everyMs the period in milliseconds. `undefined` if this node leaves. */
export function announcementPayload(everyMs: number | undefined): Pick<Broadcast, 'format' | 'body'> {
  const body = new Uint8Array(bodyBytes);
  new DataView(body.buffer).setUint32(0, everyMs ?? leaving);
  return { format: PayloadFormat.bytes, body };
}

/** @returns `undefined` if the broadcast is not a valid announcement. */
export function readAnnouncement({ origin, timeUs, format, body }: Broadcast): Announcement | undefined {
  if (format !== PayloadFormat.bytes || body.length !== bodyBytes) return undefined;
  const everyMs = new DataView(body.buffer, body.byteOffset).getUint32(0);
  if (everyMs === leaving) return { origin, timeUs, everyMs: undefined };
  return { origin, timeUs, everyMs: Math.min(Math.max(everyMs, minEveryMs), maxEveryMs) };
}
