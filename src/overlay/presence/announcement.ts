import { maxEveryMs, minEveryMs } from '../../api/presence.ts';
import { PayloadFormat } from '../../wire/payloads/payload.ts';
import type { Broadcast } from '../broadcast.ts';

/** The topic of announcements. No topic of a user begins with a zero character. */
export const presenceTopic = '\0presence';

/** Four bytes: the period of the origin in milliseconds. */
const bodyBytes = 4;

/** In place of a period: the origin leaves. */
const leaving = 0;

/** What a broadcast about presence says of its origin. */
export interface Announcement {
  readonly origin: string;
  /** Of two announcements of one origin, the later one counts. */
  readonly timeUs: number;
  /** The origin announces itself again within this time; undefined: it leaves. */
  readonly everyMs: number | undefined;
}

/** @param everyMs undefined: this node leaves. */
export function announcementPayload(everyMs: number | undefined): Pick<Broadcast, 'format' | 'body'> {
  const body = new Uint8Array(bodyBytes);
  new DataView(body.buffer).setUint32(0, everyMs ?? leaving);
  return { format: PayloadFormat.bytes, body };
}

/** @returns undefined for what no node announces. */
export function readAnnouncement({ origin, timeUs, format, body }: Broadcast): Announcement | undefined {
  if (format !== PayloadFormat.bytes || body.length !== bodyBytes) return undefined;
  const everyMs = new DataView(body.buffer, body.byteOffset).getUint32(0);
  if (everyMs === leaving) return { origin, timeUs, everyMs: undefined };
  return { origin, timeUs, everyMs: Math.min(Math.max(everyMs, minEveryMs), maxEveryMs) };
}
