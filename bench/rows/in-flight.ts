import { sharedNowMs } from '../clock.ts';
import { exchangeRow } from './exchange.ts';

const inFlight = 1_000;

/** Requests of 100 bytes, a thousand of them under way at any time. */
export const inFlightRow = exchangeRow({
  name: 'in-flight',
  metrics: [{ name: 'in-flight', title: '1,000 in flight', unit: 'requests/s', better: 'higher' }],
  async measure(ask, sampleMs) {
    const startedAtMs = sharedNowMs();
    const endAtMs = startedAtMs + sampleMs;
    let answered = 0;
    const askOn = async (): Promise<void> => {
      while (sharedNowMs() < endAtMs) {
        await ask();
        answered += 1;
      }
    };
    await Promise.all(Array.from({ length: inFlight }, askOn));
    return { 'in-flight': answered / ((sharedNowMs() - startedAtMs) / 1000) };
  },
});
