import type { Data } from '../base/data.ts';

/** What an object of another node holds, to be looked at; nothing for what is no object. */
export function fieldsOf(data: Data): { readonly [name: string]: Data | undefined } {
  const isObject =
    typeof data === 'object' && data !== null && !Array.isArray(data) && !ArrayBuffer.isView(data);
  return isObject ? (data as { readonly [name: string]: Data }) : {};
}
