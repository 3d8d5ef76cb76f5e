import { requiredBuiltin } from '../../base/builtin.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import { checkOf } from './flight.ts';

/** The bytes waiting to be written above which the disk is too slow. */
const maxWaitingBytes = 16 * 1024 * 1024;

const lineFeed = encodeText('\n');

/** The files that recorders of this process write, by device and number. */
const inUse = new Set<string>();

/** The beginning of a line: its check (see `checkOf`) and its JSON. */
const lineStart = /^[\da-f]{8} \{"$/;

/** Bytes reserved for the last line. */
const reservedBytes = 4 * 1024;

/** The file of a recorder. Lines are written in the background, and the file never grows beyond its bound. */
export class Journal {
  /** Resolves when everything is written, or when the disk has failed. */
  readonly closed: Promise<void>;
  readonly #fs = requiredBuiltin('node:fs', 'A recorder');
  readonly #file: number;
  readonly #maxBytes: number;
  readonly #onFailure: (why: string) => void;
  #settleClosed: () => void = () => {};
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #lastCheck = '';
  #isWriting = false;
  #isEnding = false;

  /**
   * @param onFailure called when the disk fails. Nothing more is written after that.
   * @throws Error of the system if the file cannot be created; Error if the file is not a recording.
   */
  constructor(path: string, maxBytes: number, onFailure: (why: string) => void) {
    const { O_RDWR, O_CREAT, O_NOFOLLOW = 0 } = this.#fs.constants;
    this.#file = this.#fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    let key: string;
    try {
      key = this.#clear();
    } catch (error) {
      this.#fs.closeSync(this.#file);
      throw error;
    }
    inUse.add(key);
    this.#maxBytes = maxBytes;
    this.#onFailure = onFailure;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = () => {
        inUse.delete(key);
        resolve();
      };
    });
  }

  /** Adds a line. Returns the reason if it cannot: the file is full, or the disk is too slow. */
  add(value: object): 'full' | 'slow' | undefined {
    if (this.#isEnding) return undefined;
    const { check, pieces, length } = this.#lineOf(value);
    if (this.#bytes + length > this.#maxBytes - reservedBytes) {
      return 'full';
    }
    // Checked before the line is added, because the arguments of one call may be longer than the bound.
    if (this.#waitingBytes > maxWaitingBytes) return 'slow';
    this.#lastCheck = check;
    this.#push(pieces, length);
    return undefined;
  }

  /** Adds the last line, for which there is always room, and closes the file. */
  end(value: object): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const { pieces, length } = this.#lineOf(value);
    if (length <= reservedBytes) this.#push(pieces, length);
    else this.#write();
  }

  /**
   * Empties the file of an earlier recording.
   *
   * @returns what tells the file from others.
   * @throws Error if it holds anything else, which must not be lost, or if another node of this process records into it.
   */
  #clear(): string {
    const fs = this.#fs;
    const stats = fs.fstatSync(this.#file);
    const key = `${stats.dev}:${stats.ino}`;
    if (!stats.isFile()) return key;
    if (inUse.has(key)) throw new Error('another node records into it');
    const start = new Uint8Array(11);
    const length = fs.readSync(this.#file, start, 0, start.length, 0);
    if (length > 0 && !lineStart.test(new TextDecoder().decode(start))) {
      throw new Error('there is a file that is not a recording');
    }
    // Otherwise an existing file would keep its mode.
    fs.fchmodSync(this.#file, 0o600);
    fs.ftruncateSync(this.#file);
    return key;
  }

  /** Returns the line in pieces, which saves a copy. */
  #lineOf(value: object): { check: string; pieces: Uint8Array[]; length: number } {
    const json = encodeText(JSON.stringify(value));
    const check = checkOf(this.#lastCheck, json);
    const pieces = [encodeText(`${check} `), json, lineFeed];
    return { check, pieces, length: json.length + check.length + 2 };
  }

  #push(pieces: readonly Uint8Array[], length: number): void {
    this.#bytes += length;
    this.#waiting.push(...pieces);
    this.#waitingBytes += length;
    this.#write();
  }

  #write(): void {
    if (this.#isWriting) return;
    if (this.#waiting.length === 0) {
      if (this.#isEnding) this.#close();
      return;
    }
    this.#isWriting = true;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#writeFrom(bytes, 0);
  }

  #writeFrom(bytes: Uint8Array, from: number): void {
    this.#fs.write(this.#file, bytes, from, bytes.length - from, null, (error, count) => {
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#waitingBytes -= count;
      if (from + count < bytes.length) {
        this.#writeFrom(bytes, from + count);
        return;
      }
      this.#isWriting = false;
      this.#write();
    });
  }

  #fail(error: Error): void {
    const wasEnding = this.#isEnding;
    this.#isEnding = true;
    this.#waiting = [];
    this.#close();
    if (!wasEnding) this.#onFailure(`the disk fails: ${error.message}`);
  }

  #close(): void {
    this.#fs.close(this.#file, () => this.#settleClosed());
  }
}
