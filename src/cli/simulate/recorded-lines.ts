import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { WrongUse } from '../failure.ts';
import {
  type Header,
  type RecordedEnd,
  type RecordedEvent,
  type RecordedFault,
  recordingFormat,
  recordingKind,
} from './recording.ts';
import { isRumourOptions } from './rumour-options.ts';

/** Thrown if a recording cannot be read. The message is one line. */
export class DamagedRecording extends Error {
  override readonly name = 'DamagedRecording';
}

/** An event or a fault, with its line. */
export interface RecordedLine {
  readonly text: string;
  readonly value: RecordedEvent | RecordedFault;
}

/** The first and the last line of a complete recording. */
export interface RecordedRun {
  readonly header: Header;
  readonly end: RecordedEnd;
}

const chunkBytes = 64 * 1_024;

/** The longest line. A partition of 100,000 nodes lists all of them in one line. */
const maxLineBytes = 4 * 1_024 * 1_024;

/**
 * Checks a whole recording.
 *
 * @throws DamagedRecording, which names the damaged line; WrongUse if the file cannot be opened.
 */
export function checkRecording(path: string): RecordedRun {
  const lines = numberedLines(path);
  const first = lines.next();
  const header = first.done ? undefined : jsonOf(first.value);
  if (!isHeader(header)) throw new DamagedRecording(`${path} is not a recording of peerloom simulate`);
  if (header.format !== recordingFormat) {
    const message = `${path} has format ${header.format}, and this version of peerloom reads format ${recordingFormat}`;
    throw new DamagedRecording(message);
  }
  if (!isRumourOptions(header.options)) throw damaged(path, 1, 'its options are not those of a run');
  let number = 1;
  for (const text of lines) {
    number += 1;
    const value = jsonOf(text);
    if (isEnd(value)) {
      if (value.lines !== number - 2) {
        const counts = `its end counts ${value.lines} lines before it, and there are ${number - 2}`;
        throw damaged(path, number, counts);
      }
      if (!lines.next().done) throw damaged(path, number + 1, 'it follows the end');
      return { header, end: value };
    }
    if (!isEvent(value) && !isFault(value)) throw damaged(path, number, 'it is neither an event nor a fault');
  }
  throw new DamagedRecording(`${path} is damaged: it breaks off after line ${number}`);
}

/** The events and faults of a recording that {@link checkRecording} has read. */
export function* recordedLines(path: string): Generator<RecordedLine, undefined> {
  const lines = numberedLines(path);
  lines.next();
  for (const text of lines) {
    const value = jsonOf(text);
    if (isEvent(value) || isFault(value)) yield { text, value };
  }
}

/** Yields the lines of a file. A last line without a line feed is incomplete and left out. */
function* numberedLines(path: string): Generator<string, undefined> {
  const file = openForReading(path);
  try {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(chunkBytes);
    let rest = '';
    for (let number = 1; ; ) {
      const length = readSync(file, chunk);
      if (length === 0) return undefined;
      const lines = (rest + decoder.decode(chunk.subarray(0, length), { stream: true })).split('\n');
      rest = lines.pop()!;
      number += lines.length;
      if (rest.length > maxLineBytes) throw damaged(path, number, 'it does not end');
      yield* lines;
    }
  } finally {
    closeSync(file);
  }
}

function openForReading(path: string): number {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    if (fstatSync(file).isFile()) return file;
  } catch (error) {
    throw new WrongUse(`--replay cannot read the recording: ${(error as Error).message}`);
  }
  closeSync(file);
  throw new WrongUse(`--replay cannot read the recording: ${path} is not a file`);
}

function damaged(path: string, line: number, problem: string): DamagedRecording {
  return new DamagedRecording(`${path} is damaged in line ${line}: ${problem}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isHeader(value: unknown): value is Header {
  return isObject(value) && value.recording === recordingKind;
}

function isEvent(value: unknown): value is RecordedEvent {
  if (!isObject(value)) return false;
  const { at, node, event, peer, what } = value;
  const isKnown = Number.isFinite(at) && Number.isSafeInteger(node) && typeof event === 'string';
  const isAbout = peer === undefined || Number.isSafeInteger(peer);
  return isKnown && isAbout && (what === undefined || typeof what === 'string');
}

function isFault(value: unknown): value is RecordedFault {
  if (!isObject(value) || !isObject(value.fault)) return false;
  return Number.isFinite(value.at) && typeof value.fault.kind === 'string';
}

function isEnd(value: unknown): value is RecordedEnd {
  if (!isObject(value)) return false;
  const { end, lines, digest } = value;
  return (
    (end === 'complete' || end === 'failed') && Number.isSafeInteger(lines) && typeof digest === 'string'
  );
}
