import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { FrameKind } from '../../src/wire/frames/frame.ts';
import '../support/look-over.ts';
import { flowsOf, record, replay, type Said } from './transcripts/conversation.ts';

/*
 * Each version of the protocol has a recorded conversation, which later code must still read and, from the same inputs,
 * write byte for byte. `PEERLOOM_RECORD=1 node --test test/compliance/transcripts.test.ts` records it anew, after a change
 * of the wire that is meant.
 */
const path = join(import.meta.dirname, 'transcripts/version-1.json');
const isRecording = process.env.PEERLOOM_RECORD === '1';

suite('the transcript of version 1', () => {
  test('is what two nodes write today', async () => {
    const { said } = await record();
    if (isRecording) writeFileSync(path, asJson(said));
    const golden = flowsOf(fromJson());
    for (const [name, flow] of flowsOf(said)) assert.ok(flow === golden.get(name), `${name} has changed`);
    assert.equal(golden.size, 4);
  });

  test('is read by a node of today, which answers byte for byte as then', async () => {
    const recorded = fromJson();
    const { said, heard } = await replay(recorded);
    const expected = flowsOf(recorded.filter(({ from }) => from === 'listener'));
    for (const [name, flow] of flowsOf(said)) assert.ok(flow === expected.get(name), `${name} has changed`);
    assert.deepEqual(heard, (await record()).heard);
    assert.equal(heard.length, 19);
  });

  test('has every kind of frame of one link', () => {
    const kinds = new Set(framesOf(fromJson())).add(FrameKind.carry);
    const missing = Object.entries(FrameKind).filter(([, kind]) => !kinds.has(kind));
    assert.deepEqual(
      missing.map(([name]) => name),
      [],
    );
  });
});

function asJson(said: readonly Said[]): string {
  const lines = said.map(({ bytes, ...rest }) => {
    const deflated = bytes && deflateRawSync(bytes).toString('base64');
    return JSON.stringify({ ...rest, ...(deflated && { deflated }) });
  });
  return `[\n${lines.join(',\n')}\n]\n`;
}

function fromJson(): Said[] {
  const lines = JSON.parse(readFileSync(path, 'utf8')) as (Said & { deflated?: string })[];
  return lines.map(({ deflated, ...rest }) =>
    deflated === undefined ? rest : { ...rest, bytes: inflateRawSync(Buffer.from(deflated, 'base64')) },
  );
}

/** The kinds of the frames of all flows; each flow begins with a frame. */
function framesOf(said: readonly Said[]): number[] {
  const kinds: number[] = [];
  const flows = new Map<string, Buffer[]>();
  for (const { link, from, bytes } of said) {
    const key = `${link} ${from}`;
    if (bytes !== undefined) flows.set(key, [...(flows.get(key) ?? []), Buffer.from(bytes)]);
  }
  for (const pieces of flows.values()) {
    const flow = Buffer.concat(pieces);
    for (let at = 0; at + 8 <= flow.length; at += 8 + flow.readUInt32BE(at)) kinds.push(flow[at + 4]!);
  }
  return kinds;
}
