import { suite, test } from 'node:test';
import { internet, lan, libp2p } from '../../../src/libp2p/index.ts';
import '../../support/libp2p-engines.ts';
import { belongings } from '../../support/look-over.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { until } from '../../support/turns.ts';

suite('a node over libp2p that has stopped', () => {
  for (const [name, preset] of Object.entries({ lan, internet })) {
    test(`leaves no timer that would keep its process alive, with ${name}()`, async (t) => {
      const before = belongings().get('Timeout') ?? 0;
      const [a, b] = await startNodes(t, 2, { options: () => ({ transports: [libp2p(preset())] }) });
      await (await a.connectWithNode(b.addresses[0]!)).deliver('hello');
      await Promise.all([a.stop(), b.stop()]);
      // Half as long as the timer of libp2p: short ones of what has just ended may still be there.
      await until(() => (belongings().get('Timeout') ?? 0) <= before, 'no timer is left', 500);
    });
  }
});
