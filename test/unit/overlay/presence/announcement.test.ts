import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Broadcast } from '../../../../src/overlay/broadcast.ts';
import { announcementPayload, readAnnouncement } from '../../../../src/overlay/presence/announcement.ts';

const arrived = (payload: Pick<Broadcast, 'format' | 'body'>): Broadcast =>
  ({ origin: 'ada', timeUs: 7, ...payload }) as Broadcast;

test('an announcement says how often its origin announces itself, or that it leaves', () => {
  const read = (everyMs: number | undefined) => readAnnouncement(arrived(announcementPayload(everyMs)));
  assert.deepEqual(read(30_000), { origin: 'ada', timeUs: 7, everyMs: 30_000 });
  assert.deepEqual(read(undefined), { origin: 'ada', timeUs: 7, everyMs: undefined });
});

test('a period is held to be as long as one may be', () => {
  assert.equal(readAnnouncement(arrived(announcementPayload(1)))?.everyMs, 1_000);
  assert.equal(readAnnouncement(arrived(announcementPayload(2 ** 32 - 1)))?.everyMs, 600_000);
});

test('what no node announces is passed over', () => {
  const { format, body } = announcementPayload(30_000);
  for (const wrong of [
    { format: 2, body },
    { format, body: new Uint8Array() },
    { format, body: new Uint8Array(5) },
  ])
    assert.equal(readAnnouncement(arrived(wrong)), undefined);
});
