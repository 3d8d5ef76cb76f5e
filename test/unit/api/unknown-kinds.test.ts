import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { UnknownKinds } from '../../../src/api/unknown-kinds.ts';
import type { NodeConnection } from '../../../src/index.ts';

const peer = (id: string) => ({ id, name: '' }) as NodeConnection;

suite('kinds that nobody handles', () => {
  test('are reported eight times for a peer, and 256 times in all', () => {
    const kinds = new UnknownKinds();
    const report = (id: string, kind: string) =>
      kinds.report('node_message', { peer: peer(id), kind, known: [] });
    const count = (id: string) => {
      const reports = Array.from({ length: 20 }, (_, index) => report(id, `kind ${index}`));
      return reports.filter((one) => one !== undefined).length;
    };
    assert.deepEqual(
      Array.from({ length: 40 }, (_, index) => count(`peer ${index}`)),
      [...Array(32).fill(8), ...Array(8).fill(0)],
    );
  });

  test('are cut where they are long, and count once then', () => {
    const kinds = new UnknownKinds();
    const long = 'x'.repeat(1_000_000);
    const report = (kind: string) => kinds.report('node_request', { peer: peer('one'), kind, known: [] });
    const { code, message } = report(`${long}1`)!;
    assert.equal(code, 'ERR_KIND_UNKNOWN');
    assert.ok(message.includes(`'${'x'.repeat(64)}'`) && message.length < 250, message);
    assert.equal(report(`${long}2`), undefined);
  });
});
