import { requiredBuiltin } from '../../base/builtin.ts';
import {
  checkOf,
  type FlightEnd,
  type FlightHeader,
  flightFormat,
  flightKind,
} from '../../node/recorder/flight.ts';
import type { Turn } from '../../node/recorder/tape.ts';
import { encodeText } from '../../wire/payloads/text.ts';

/** Thrown if a flight recording cannot be read. The message is one line. */
export class FlightError extends Error {
  /** Always `'FlightError'`. */
  override readonly name = 'FlightError';
}

const chunkBytes = 64 * 1024;

/** The longest line. A line holds one turn: the bytes of one piece, and the calls of a program. */
const maxLineCharacters = 256 * 1024 * 1024;

/** Reads the lines of a flight recording. */
export class FlightFile {
  readonly header: FlightHeader;
  /**
   * Why the recording ended. Set when it has been read to its end. `undefined` if it is incomplete, for example because
   * the process was killed.
   */
  end: FlightEnd | undefined;
  readonly #path: string;
  readonly #lines: Generator<string, undefined>;
  #line = 1;
  #lastCheck = '';

  /** @throws FlightError if the file is not a flight recording; Error of the system if it cannot be read. */
  constructor(path: string) {
    this.#path = path;
    this.#lines = linesOf(path);
    const first = this.#lines.next();
    const header = first.done ? undefined : this.#valueIn(first.value);
    if (!isHeader(header)) throw new FlightError(`${path} is not a flight recording of peerloom`);
    if (header.format !== flightFormat) {
      const message = `${path} has format ${header.format}, and this version of peerloom reads format ${flightFormat}`;
      throw new FlightError(message);
    }
    this.header = header;
  }

  /** @throws FlightError if the file is damaged. */
  *turns(): Generator<Turn, undefined> {
    let count = 0;
    for (const line of this.#lines) {
      this.#line += 1;
      if (this.end !== undefined) throw this.#damaged('it follows the end');
      const value = this.#valueIn(line);
      if (isEnd(value)) {
        if (value.turns !== count)
          throw this.#damaged(`it counts ${value.turns} turns before it, not ${count}`);
        this.end = value;
      } else if (isTurn(value)) {
        count += 1;
        yield value;
      } else {
        throw this.#damaged('it is not what was written');
      }
    }
  }

  /** Closes the file. */
  close(): void {
    this.#lines.return(undefined);
  }

  /** Returns the value in a line. `undefined` if this line or an earlier one was altered. */
  #valueIn(line: string): unknown {
    const json = line.slice(9);
    const check = checkOf(this.#lastCheck, encodeText(json));
    if (line.slice(0, 9) !== `${check} `) return undefined;
    this.#lastCheck = check;
    try {
      return JSON.parse(json);
    } catch {
      return undefined;
    }
  }

  #damaged(problem: string): FlightError {
    return new FlightError(`${this.#path} is damaged in line ${this.#line}: ${problem}`);
  }
}

/** Yields the lines of a file. A last line without a line feed is incomplete and left out. */
function* linesOf(path: string): Generator<string, undefined> {
  const { openSync, readSync, closeSync } = requiredBuiltin('node:fs', 'A replay');
  const file = openSync(path, 'r');
  try {
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(chunkBytes);
    const parts: string[] = [];
    let characters = 0;
    for (;;) {
      const length = readSync(file, chunk);
      if (length === 0) return undefined;
      const [first = '', ...lines] = decoder.decode(chunk.subarray(0, length), { stream: true }).split('\n');
      parts.push(first);
      characters += first.length;
      if (characters > maxLineCharacters) throw new FlightError(`${path} is damaged: a line does not end`);
      for (const line of lines) {
        yield parts.join('');
        parts.splice(0, parts.length, line);
        characters = line.length;
      }
    }
  } finally {
    closeSync(file);
  }
}

function isHeader(value: unknown): value is FlightHeader {
  return (value as FlightHeader | undefined)?.recording === flightKind;
}

function isEnd(value: unknown): value is FlightEnd {
  return typeof (value as FlightEnd | undefined)?.end === 'string';
}

function isTurn(value: unknown): value is Turn {
  return Array.isArray((value as Turn | undefined)?.inputs);
}
