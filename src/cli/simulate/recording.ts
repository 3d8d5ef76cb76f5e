import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { NodeConnection } from '../../api/node-connection.ts';
import type { Simulation } from '../../simulator/simulation.ts';
import { WrongUse } from '../failure.ts';
import type { RumourOptions } from './rumour.ts';

/** The first line of a recording, with the options of the run. */
export interface Header {
  readonly recording: typeof recordingKind;
  readonly format: typeof recordingFormat;
  readonly options: RumourOptions;
}

/** An event of a node, as a line of a recording. */
export interface RecordedEvent {
  /** Milliseconds of virtual time. */
  readonly at: number;
  readonly node: number;
  readonly event: string;
  /** The number of the node that the event is about. */
  readonly peer?: number;
  /** The message, or the reason why a connection ended. */
  readonly what?: string;
}

/** A fault, as a line of a recording. */
export interface RecordedFault {
  readonly at: number;
  readonly fault: { readonly kind: string };
}

/** The last line of a recording. */
export interface RecordedEnd {
  readonly end: 'complete' | 'failed';
  /** How many lines are between the first and this line. */
  readonly lines: number;
  readonly digest: string;
}

export const recordingKind = 'peerloom simulate';
export const recordingFormat = 1;

const lineStart = `{"recording":"${recordingKind}"`;

/** Calls back with each event and each fault of a world, as a line of a recording. */
export function watchLines(world: Simulation, onLine: (line: string) => void): void {
  const numbers = new Map<string, number>();
  const numberOf = ({ id }: NodeConnection): number | undefined => {
    if (!numbers.has(id)) for (const [index, node] of world.nodes.entries()) numbers.set(node.id, index);
    return numbers.get(id);
  };
  world.on('event', ({ at, index, event, peer, data }) => {
    const isMessage = event === 'node_message' || event === 'node_request';
    const what = isMessage ? JSON.stringify(data) : peer?.closeReason?.code;
    const line = { at, node: index, event, peer: peer && numberOf(peer), what };
    onLine(JSON.stringify(line satisfies { [Name in keyof RecordedEvent]: unknown }));
  });
  world.on('fault', ({ at, fault }) => onLine(JSON.stringify({ at, fault } satisfies RecordedFault)));
}

/** How many characters are written together. Writing each line alone would cost a system call per line. */
const chunkCharacters = 64 * 1_024;

/** Writes a run into a file. */
export class Recording {
  readonly #file: number;
  #waiting = '';
  #lines = 0;
  #failure: Error | undefined;

  /** @throws WrongUse if the file cannot be written. */
  constructor(path: string, options: RumourOptions) {
    this.#file = openRecording(path);
    this.#add(
      JSON.stringify({ recording: recordingKind, format: recordingFormat, options } satisfies Header),
    );
  }

  watch(world: Simulation): void {
    watchLines(world, (line) => {
      this.#lines += 1;
      this.#add(line);
    });
  }

  end(end: RecordedEnd['end'], digest: string): void {
    this.#add(JSON.stringify({ end, lines: this.#lines, digest } satisfies RecordedEnd));
    this.#flush();
    closeSync(this.#file);
  }

  /** The error because of which the recording is incomplete. `undefined` if it is complete. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  #add(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#waiting.length >= chunkCharacters) this.#flush();
  }

  /** Keeps errors in {@link Recording.failure}, because it runs inside events of nodes, which must not fail. */
  #flush(): void {
    const bytes = Buffer.from(this.#waiting);
    this.#waiting = '';
    if (this.#failure !== undefined) return;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    } catch (error) {
      this.#failure = error as Error;
    }
  }
}

/** Overwrites an earlier recording, but no other file. */
function openRecording(path: string): number {
  try {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT);
    if (!fstatSync(file).isFile()) return file;
    const start = Buffer.alloc(lineStart.length);
    const length = readSync(file, start, 0, start.length, 0);
    if (length > 0 && start.toString() !== lineStart) {
      closeSync(file);
      throw new Error('there is a file that is not a recording');
    }
    if (length > 0) ftruncateSync(file);
    return file;
  } catch (error) {
    const { message } = error as Error;
    throw new WrongUse(`--record cannot write the recording, choose another file: ${message}`);
  }
}
