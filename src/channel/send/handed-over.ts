import type { Data } from '../../base/data.ts';

/** Larger data is encoded, so that limits on large messages apply as on a real link. */
export const maxHandedOverBytes = 4 * 1024;

/** The longest body that {@link placeholderOf} makes. Data that is handed over is not longer as JSON. */
export const placeholderBytes = 8 * maxHandedOverBytes;

const placeholder = new Uint8Array(placeholderBytes);

/** A body of this length, for a frame whose data arrived without a body. */
export function placeholderOf(bytes: number): Uint8Array<ArrayBuffer> {
  return placeholder.subarray(0, bytes);
}

/** Data that a simulated link carries without encoding it. */
export interface HandedOver {
  /** A deep copy: it shares nothing with the sender's data. */
  readonly data: Data;
  /** The approximate size as JSON. */
  readonly bytes: number;
}

/** The approximate size of punctuation, a number, true, false or null. */
const scalarBytes = 4;

/**
 * Copies data as encoding and decoding would: texts, numbers, booleans, null, and lists and plain objects of these.
 *
 * @returns `undefined` for anything else, for large data, and if encoding would fail or change something.
 */
export function handedOver(data: Data): HandedOver | undefined {
  if (typeof data === 'string') {
    return data.length <= maxHandedOverBytes && data.isWellFormed()
      ? { data, bytes: data.length }
      : undefined;
  }
  const copier = new Copier();
  const copy = copier.copy(data, 0);
  return copy === undefined ? undefined : { data: copy as Data, bytes: copier.bytes };
}

/** Deeper data is rare. */
const maxDepth = 16;

class Copier {
  bytes = 0;

  /** @returns `undefined` for values that it does not copy. */
  copy(value: unknown, depth: number): unknown {
    this.bytes += scalarBytes;
    switch (typeof value) {
      case 'string':
        this.bytes += value.length;
        return this.bytes <= maxHandedOverBytes && value.isWellFormed() ? value : undefined;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : undefined;
      case 'boolean':
        return value;
      case 'object':
        if (value === null) return value;
        if (depth === maxDepth) return undefined;
        return Array.isArray(value) ? this.#copyList(value, depth + 1) : this.#copyObject(value, depth + 1);
      default:
        return undefined;
    }
  }

  #copyList(list: readonly unknown[], depth: number): unknown[] | undefined {
    if (list.length > maxHandedOverBytes) return undefined;
    const copy: unknown[] = [];
    for (let index = 0; index < list.length; index++) {
      const item = this.copy(list[index], depth);
      if (item === undefined) return undefined;
      copy.push(item);
    }
    return this.bytes <= maxHandedOverBytes ? copy : undefined;
  }

  #copyObject(object: object, depth: number): object | undefined {
    if (Object.getPrototypeOf(object) !== Object.prototype) return undefined;
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(object)) {
      const value = (object as Record<string, unknown>)[key];
      // Left out on the wire too.
      if (value === undefined) continue;
      if (key === '__proto__' || !plainKey.test(key)) return undefined;
      const item = this.copy(value, depth);
      if (item === undefined) return undefined;
      copy[key] = item;
      this.bytes += key.length;
    }
    return this.bytes <= maxHandedOverBytes ? copy : undefined;
  }
}

/** No character that JSON escapes. */
const plainKey = /^[\w$ .:-]*$/;
