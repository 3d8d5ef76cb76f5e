import { randomFrom } from './random-from.ts';

/** What a link lives through. */
export type GentleKind = 'stall' | 'delay';
/** What it does not. */
export type EndingKind = 'cut' | 'half' | 'blackHole';
export type FaultKind = GentleKind | EndingKind;

/** Something that happens to a link, as {@link ChaosProxy} makes it happen. */
export interface Fault {
  readonly kind: FaultKind;
  /** Bytes that pass before it, both directions together, counted from the fault before. */
  readonly afterBytes: number;
  /** Of a stall: how long. Of a delay: by how much each piece up to the next fault is late. */
  readonly durationMs: number;
  /** Of a half: the side that is told that nothing more will come. */
  readonly towards: 'client' | 'server';
}

export interface ScheduleOptions {
  readonly seed: number;
  /** How many links come to an end; those after them are left in peace. */
  readonly cuts: number;
  /** Bytes between two faults, on average. */
  readonly meanBytes: number;
}

/** TCP, TLS and hello take about as much: links that are cut within have not become connections yet. */
const handshakeBytes = 6_000;

/** The faults of one link after another, each list but the empty ones with an end; the seed decides them all. */
export function chaosSchedule({
  seed,
  cuts,
  meanBytes,
}: ScheduleOptions): (link: number) => readonly Fault[] {
  const random = randomFrom(seed);
  const pick = <Item>(...items: Item[]): Item => items[Math.floor(random() * items.length)]!;
  const fault = (kind: FaultKind, maxBytes: number): Fault => ({
    kind,
    afterBytes: 1 + Math.floor(random() * maxBytes),
    durationMs: kind === 'stall' ? 5 + Math.floor(random() * 50) : 1 + Math.floor(random() * 5),
    towards: pick('client', 'server'),
  });
  const endingKind = (): EndingKind => pick('cut', 'cut', 'cut', 'cut', 'half', 'half', 'blackHole');
  const links = Array.from({ length: cuts }, () => {
    if (random() < 1 / 8) return [fault(endingKind(), handshakeBytes)];
    const gentle = Array.from({ length: Math.floor(random() * 3) }, () =>
      fault(pick('stall', 'delay'), 2 * meanBytes),
    );
    return [...gentle, fault(endingKind(), 2 * meanBytes)];
  });
  return (link) => links[link] ?? [];
}
