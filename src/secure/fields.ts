import type { Data } from '../base/data.ts';

/** Returns the fields of an object that another node sent. Any other value has no fields. */
export function fieldsOf(data: Data): { readonly [name: string]: Data | undefined } {
  const isObject =
    typeof data === 'object' && data !== null && !Array.isArray(data) && !ArrayBuffer.isView(data);
  return isObject ? (data as { readonly [name: string]: Data }) : {};
}
