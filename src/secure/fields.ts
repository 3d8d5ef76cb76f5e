import type { Data } from '../base/data.ts';

/** The fields of an object that another node sent; none for anything that is not an object. */
export function fieldsOf(data: Data): { readonly [name: string]: Data | undefined } {
  const isObject =
    typeof data === 'object' && data !== null && !Array.isArray(data) && !ArrayBuffer.isView(data);
  return isObject ? (data as { readonly [name: string]: Data }) : {};
}
