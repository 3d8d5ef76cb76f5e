import { sharedNowMs } from '../clock.ts';
import { quantile } from '../statistics.ts';
import { exchangeRow } from './exchange.ts';

/** A request of 100 bytes and its answer, one at a time. */
export const roundTrip = exchangeRow({
  name: 'round-trip',
  metrics: [
    { name: 'round-trip-p50', title: 'round trip p50', unit: 'µs', better: 'lower' },
    { name: 'round-trip-p99', title: 'round trip p99', unit: 'µs', better: 'lower', isTail: true },
  ],
  async measure(ask, sampleMs) {
    const tripsUs: number[] = [];
    const endAtMs = sharedNowMs() + sampleMs;
    let before = sharedNowMs();
    while (before < endAtMs) {
      await ask();
      const after = sharedNowMs();
      tripsUs.push((after - before) * 1000);
      before = after;
    }
    return { 'round-trip-p50': quantile(tripsUs, 0.5), 'round-trip-p99': quantile(tripsUs, 0.99) };
  },
});
