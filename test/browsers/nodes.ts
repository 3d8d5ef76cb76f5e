import assert from 'node:assert/strict';
import { test } from 'node:test';
import { root, run } from '../packaging/packed.ts';
import { inBrowsers } from './browsers.ts';

inBrowsers('nodes of one page', (browser) => {
  for (const origin of ['secure', 'insecure'] as const) {
    test(`send each other every kind of data, also signed, in a page of ${origin} origin`, async () => {
      const page = await browser().open('nodes.ts', { origin });
      assert.equal(await page.call('isSecure'), origin === 'secure');
      assert.deepEqual(await page.call('talk'), {
        events: [
          'alice outbound_node_connected bob',
          'bob inbound_node_connected alice',
          'bob node_request alice',
          'bob node_stream alice',
          'bob node_state_offered alice',
          'bob node_state alice',
          'bob node_broadcast alice',
          'bob hears news',
          'alice node_request_to_stop ',
          'bob node_request_to_stop ',
          'alice node_disconnect_with_outbound_node bob',
          'bob inbound_node_disconnected alice',
          'alice outbound_node_disconnected bob',
        ],
        different: [],
        answer: { answered: { question: 1 } },
        echoedBytes: 300_000,
        state: [1, 2],
      });
      assert.deepEqual(await page.call('talkSigned'), { received: ['signed'], authors: ['alice', 'alice'] });
      const found = await page.call('findEachOther');
      assert.deepEqual(found, { before: 0, active: ['bob'], name: 'carol', state: 'connected' });
      assert.deepEqual(page.complaints, []);
      await page.close();
    });
  }

  test('live the same life in a simulation as in Node.js', async () => {
    const page = await browser().open('simulation.js');
    assert.equal(await page.call('digestOfRun'), await digestInNode());
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});

/** By a process of its own, which resolves `'peerloom'` to the sources. */
async function digestInNode(): Promise<string> {
  const fromSource = './test/support/peerloom-from-source.ts';
  const program =
    "import('./test/packaging/project/world.js').then(async ({ digestOfRun }) => console.log(await digestOfRun()))";
  const { stdout } = await run(root, process.execPath, '--import', fromSource, '--eval', program);
  return stdout.trim();
}
