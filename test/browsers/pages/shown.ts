/** Tells all data apart, also what JSON makes equal. */
export function shown(data: unknown): string {
  if (ArrayBuffer.isView(data)) {
    return `${data.constructor.name}(${Array.from(data as unknown as ArrayLike<unknown>, shown)})`;
  }
  if (Array.isArray(data)) return `[${data.map(shown)}]`;
  if (typeof data === 'object' && data !== null) {
    return `{${Object.entries(data).map(([key, value]) => `${key}:${shown(value)}`)}}`;
  }
  return Object.is(data, -0) ? '-0' : `${typeof data} ${String(data)}`;
}
