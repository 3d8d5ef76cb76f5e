import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { CreditLink } from '../../../src/libp2p/credit-link.ts';
import {
  creditRecord,
  dataRecord,
  endRecord,
  maxDataBytes,
  RecordReader,
  windowBytes,
} from '../../../src/libp2p/credit-records.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';

/** The records in some bytes, as texts. */
function recordsIn(pieces: readonly Uint8Array[]): string[] {
  const records: string[] = [];
  const reader = new RecordReader({
    data: (bytes) => void records.push(`data ${bytes.length}`),
    credit: (amount) => void records.push(`credit ${amount}`),
    end: () => void records.push('end'),
  });
  for (const piece of pieces) reader.push(piece);
  return records;
}

suite('records with credit', () => {
  const bytes = Buffer.concat([
    dataRecord(Uint8Array.of(1, 2, 3)),
    creditRecord(70_000),
    dataRecord(Uint8Array.of(4)),
    endRecord(),
  ]);

  test('are read wherever they are cut', () => {
    for (let cut = 1; cut < bytes.length; cut++) {
      const records = recordsIn([bytes.subarray(0, cut), bytes.subarray(cut)]);
      const data = records.filter((one) => one.startsWith('data'));
      assert.equal(
        data.reduce((sum, one) => sum + Number(one.slice(5)), 0),
        4,
        `cut at ${cut}`,
      );
      assert.deepEqual(
        records.filter((one) => !one.startsWith('data')),
        ['credit 70000', 'end'],
      );
    }
  });

  const wrong: Record<string, Uint8Array> = {
    'a kind that is none': Uint8Array.of(0xc0, 0, 0, 1),
    'data of no bytes': Uint8Array.of(0, 0, 0, 0),
    'credit of nothing': Uint8Array.of(0x40, 0, 0, 0),
    'an end with a number': Uint8Array.of(0x80, 0, 0, 1),
    'something after the end': Uint8Array.of(0x80, 0, 0, 0, 0),
  };
  for (const [name, wrongBytes] of Object.entries(wrong)) {
    test(`${name} is a breach`, () => {
      assert.throws(() => recordsIn([wrongBytes]), withCode('ERR_PROTOCOL'));
    });
  }
});

suite('a link with credit', () => {
  let runtime: VirtualRuntime;
  let inner: FakeLink;
  let link: CreditLink;

  beforeEach(() => {
    runtime = new VirtualRuntime();
    inner = new FakeLink();
    link = new CreditLink(inner, runtime);
  });

  /** What comes from the other side; a link ends with what its listener throws. */
  function receive(record: Uint8Array): void {
    try {
      inner.onMessage(record);
    } catch (error) {
      inner.end(error as Error);
    }
  }

  test('sends its credit and no more, in records of 64 KiB', async () => {
    let sent = 0;
    assert.equal(
      link.send(new Uint8Array(3 * windowBytes), () => sent++),
      false,
    );
    const records = recordsIn(inner.pieces.splice(0));
    assert.deepEqual(records, Array(windowBytes / maxDataBytes).fill(`data ${maxDataBytes}`));
    receive(creditRecord(100_000));
    assert.deepEqual(recordsIn(inner.pieces.splice(0)), [
      `data ${maxDataBytes}`,
      `data ${100_000 - maxDataBytes}`,
    ]);
    assert.equal(sent, 0);
    link.destroy();
    assert.equal(await link.closed, undefined);
  });

  test('gives credit back for what it has handed out', () => {
    link.onMessage = () => {};
    for (let bytes = 0; bytes < windowBytes; bytes += maxDataBytes)
      receive(dataRecord(new Uint8Array(maxDataBytes)));
    assert.deepEqual(recordsIn(inner.pieces), Array(4).fill(`credit ${windowBytes / 4}`));
  });

  test('of which a side sends more than its credit ends', async () => {
    for (let bytes = 0; bytes < windowBytes; bytes += maxDataBytes)
      receive(dataRecord(new Uint8Array(maxDataBytes)));
    receive(dataRecord(Uint8Array.of(1)));
    await turn();
    link.onMessage = () => {};
    assert.equal(((await link.closed) as Error & { code: string }).code, 'ERR_PROTOCOL');
  });

  test('of which a side gives more credit than it received ends', async () => {
    link.send(new Uint8Array(1_000));
    receive(creditRecord(1_001));
    assert.equal(((await link.closed) as Error & { code: string }).code, 'ERR_PROTOCOL');
  });

  test('puts together tiny pieces that nobody reads', () => {
    for (let count = 0; count < 50_000; count++) receive(dataRecord(Uint8Array.of(count)));
    const pieces: Uint8Array[] = [];
    link.onMessage = (bytes) => void pieces.push(bytes.slice());
    assert.ok(pieces.length <= 4, `${pieces.length} pieces`);
    const whole = Buffer.concat(pieces);
    assert.equal(whole.length, 50_000);
    assert.ok(whole.every((byte, index) => byte === index % 256));
  });

  test('holds twice its window at most when tiny pieces lie between larger ones', () => {
    const [tiny, larger] = [dataRecord(Uint8Array.of(1)), new Uint8Array(16 * 1_024)];
    for (let bytes = 0; bytes + larger.length < windowBytes; bytes += larger.length + 1) {
      receive(tiny);
      receive(dataRecord(larger));
    }
    const memory = new Set<ArrayBufferLike>();
    link.onMessage = ({ buffer }) => void memory.add(buffer);
    const heldBytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert.ok(heldBytes > windowBytes * 0.9 && heldBytes < windowBytes * 2.1, `${heldBytes} bytes`);
  });

  test('waits for a second at most for the link below to end', () => {
    link.close(5_000);
    assert.deepEqual(recordsIn(inner.pieces), ['end']);
    assert.deepEqual(inner.endings, ['close 1000']);
    link.destroy();
  });
});
