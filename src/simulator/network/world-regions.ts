import type { RegionLatencies } from './latency.ts';

/**
 * Round trips in milliseconds, as IBM measured them between the regions of its cloud from 17 August to 15 September
 * 2024 (IBM Cloud Docs, "VPC: Network latency"). Osaka is left out because it is close to Tokyo. Inside a region, about
 * 2 ms.
 */
const roundTripsMs: Readonly<Record<string, readonly number[]>> = {
  dallas: [2, 34, 31, 123, 113, 117, 185, 143, 145],
  toronto: [34, 2, 19, 92, 82, 109, 215, 161, 130],
  washington: [32, 20, 2, 91, 76, 88, 214, 166, 118],
  frankfurt: [123, 93, 91, 2, 13, 29, 250, 228, 197],
  london: [113, 83, 75, 13, 2, 27, 261, 242, 187],
  madrid: [121, 109, 90, 29, 27, 2, 275, 256, 207],
  sydney: [186, 214, 216, 250, 261, 275, 2, 115, 327],
  tokyo: [143, 162, 166, 231, 242, 257, 115, 2, 284],
  saoPaulo: [146, 130, 119, 198, 187, 205, 328, 285, 2],
};

/**
 * Nine regions of the world, from Dallas to São Paulo, and the measured latencies between them: from 6.5 ms (Frankfurt
 * to London) to 164 ms (Sydney to São Paulo) one way. Pass it as `latencyMs`. The values are half the round trips that
 * IBM measured between its data centres (IBM Cloud Docs, "Network latency", September 2024). Home connections are
 * slower.
 *
 * Its regions are `'dallas'`, `'toronto'`, `'washington'`, `'frankfurt'`, `'london'`, `'madrid'`, `'sydney'`, `'tokyo'`
 * and `'saoPaulo'`.
 */
export const worldRegions: RegionLatencies = {
  regions: Object.keys(roundTripsMs),
  oneWayMs: Object.values(roundTripsMs).map((row) => row.map((roundTripMs) => roundTripMs / 2)),
};
