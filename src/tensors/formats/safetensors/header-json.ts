import { shown } from '../../../base/arguments.ts';
import { formatError, named } from '../format-error.ts';

const spaces: readonly (string | undefined)[] = [' ', '\t', '\n', '\r'];
const whole = /(?:0|[1-9][0-9]*)(?![0-9.eE])/y;

/**
 * Reads the subset of JSON that the header of a safetensors file uses: objects, lists, text and whole numbers. The
 * format forbids two members with the same name; JSON.parse would silently keep the last.
 */
export class HeaderJson {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads an object. @param read reads the value of the member with this name. */
  members(read: (name: string) => void): void {
    const seen = new Set<string>();
    this.#expect('{');
    if (this.#took('}')) return;
    do {
      const name = this.string();
      if (seen.has(name)) throw formatError(`the safetensors header has the name ${named(name)} twice`);
      seen.add(name);
      this.#expect(':');
      read(name);
    } while (this.#took(','));
    this.#expect('}');
  }

  /** Reads a list of at most `most` whole numbers. */
  numbers(most: number): number[] {
    const numbers: number[] = [];
    this.#expect('[');
    if (this.#took(']')) return numbers;
    do {
      if (numbers.length === most) throw this.#damaged(`a list of at most ${most}`);
      numbers.push(this.#number());
    } while (this.#took(','));
    this.#expect(']');
    return numbers;
  }

  string(): string {
    this.#expect('"');
    const start = this.#at - 1;
    for (;;) {
      const end = this.#text.indexOf('"', this.#at);
      if (end < 0) throw this.#damaged('text with a quote at its end');
      this.#at = end + 1;
      let escapes = end;
      while (this.#text[escapes - 1] === '\\') escapes -= 1;
      if ((end - escapes) % 2 === 0) return this.#parsed(this.#text.slice(start, this.#at));
    }
  }

  /** Checks that nothing follows except the spaces that align the data. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#damaged('its end');
  }

  #parsed(quoted: string): string {
    try {
      const text: unknown = JSON.parse(quoted);
      // JSON can escape half of a surrogate pair, which UTF-8 cannot encode.
      if (typeof text === 'string' && text.isWellFormed()) return text;
    } catch {
      // The text contains a control character, or an escape that JSON does not have.
    }
    throw formatError(`the safetensors header is damaged: ${shown(quoted)} is no text of JSON`);
  }

  #number(): number {
    this.#skipSpace();
    whole.lastIndex = this.#at;
    const [digits] = whole.exec(this.#text) ?? [];
    const number = Number(digits);
    if (!Number.isSafeInteger(number)) throw this.#damaged('a whole number up to 2^53');
    this.#at += digits!.length;
    return number;
  }

  #expect(character: string): void {
    if (!this.#took(character)) throw this.#damaged(character);
  }

  #took(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (spaces.includes(this.#text[this.#at])) this.#at += 1;
  }

  #damaged(expected: string): Error {
    return formatError(`the safetensors header is damaged: character ${this.#at} is not ${expected}`);
  }
}
