import type { RumourOptions, RumourRun } from './rumour.ts';

/** The outcome of a run, as plain data. */
export interface Summary {
  readonly nodes: number;
  readonly running: number;
  /** How many running nodes heard the rumour. */
  readonly reached: number;
  /** When half of these nodes and when the last of them had heard it, in milliseconds. null if no node has. */
  readonly halfAfterMs: number | null;
  readonly lastAfterMs: number | null;
  readonly hops: { readonly mean: number; readonly max: number };
  /** Repeated copies divided by first copies. */
  readonly redundancy: number;
  readonly messages: number;
  readonly bytes: number;
  readonly degree: { readonly min: number; readonly mean: number; readonly max: number };
  readonly clustering: number;
  readonly path: { readonly mean: number; readonly max: number };
  /** The sizes of the connected components of the network, the largest first. */
  readonly components: readonly number[];
  readonly virtualMs: number;
  readonly events: number;
  readonly digest: string;
}

export function summaryOf({ members, metrics, digest }: RumourRun): Summary {
  const running = members.filter(({ isUp }) => isUp);
  const times = running.flatMap(({ heardAfterMs }) => (heardAfterMs === undefined ? [] : [heardAfterMs]));
  times.sort((one, other) => one - other);
  const { spread, messages, bytes, degrees, clustering, pathLengths, components, timeMs, events } = metrics;
  const { min, mean, max } = degrees;
  return {
    nodes: members.length,
    running: running.length,
    reached: times.length,
    halfAfterMs: rounded(times[Math.floor((times.length - 1) / 2)]),
    lastAfterMs: rounded(times.at(-1)),
    hops: spread.hops,
    redundancy: spread.redundancy,
    messages: messages.sent,
    bytes,
    degree: { min, mean, max },
    clustering,
    path: { mean: pathLengths.mean, max: pathLengths.max },
    components,
    virtualMs: timeMs,
    events,
    digest,
  };
}

/** Formats the summary as readable rows of a name and a value. */
export function rowsOf(summary: Summary): [name: string, value: string][] {
  const { nodes, running, reached, halfAfterMs, lastAfterMs, hops, redundancy } = summary;
  const { messages, bytes, degree, clustering, path, components, virtualMs, digest } = summary;
  const share = running === 0 ? '' : ` (${decimal((100 * reached) / running)} %)`;
  return [
    ['nodes', `${whole(nodes)}, of which ${whole(running)} run at the end`],
    ['reached', `${whole(reached)} of the nodes that run${share}`],
    ['half of them after', milliseconds(halfAfterMs)],
    ['the last after', milliseconds(lastAfterMs)],
    ['hops', `${decimal(hops.mean)} on average, ${hops.max} at most`],
    ['copies', `${decimal(redundancy)} more for each first one`],
    ['messages', `${whole(messages)}, ${whole(bytes)} bytes on the links`],
    ['links of a node', `${degree.min} to ${degree.max}, ${decimal(degree.mean)} on average`],
    ['path between nodes', `${decimal(path.mean)} links on average, ${path.max} at most`],
    ['clustering', clustering.toFixed(3)],
    ['parts', partsOf(components)],
    ['virtual time', `${decimal(virtualMs / 1_000)} s`],
    ['digest', digest],
  ];
}

/** The sentence above the picture of a run. */
export function titleOf({ nodes, crash, partition, churn }: RumourOptions): string {
  const faults = [
    ...(crash > 0 ? [`${decimal(crash * 100)} % of which crash`] : []),
    ...(partition > 0 ? [`${decimal(partition * 100)} % of which are cut off for a while`] : []),
    ...(churn > 0 ? [`${whole(churn)} of which leave and come back in a minute`] : []),
  ];
  return `A rumour among ${whole(nodes)} nodes${faults.length === 0 ? '' : `, ${faults.join(', ')}`}`;
}

function partsOf([largest = 0, ...others]: readonly number[]): string {
  if (largest === 0) return 'none';
  if (others.length === 0) return 'one: the network is connected';
  const alone = others.filter((size) => size === 1).length;
  if (largest === 1) return `${whole(others.length + 1)}: every node is alone`;
  const rest = `${whole(alone)} ${alone === 1 ? 'node is' : 'nodes are'} alone`;
  return `${whole(others.length + 1)}: the largest has ${whole(largest)} nodes, ${rest}`;
}

/** Rounds milliseconds to whole microseconds. null for `undefined`. */
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 1_000) / 1_000;
}

function milliseconds(ms: number | null): string {
  return ms === null ? 'never' : `${whole(Math.round(ms))} ms`;
}

function whole(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 0 });
}

function decimal(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 1 });
}
