import type { Data } from '../../base/data.ts';

/** Marks the header of a stream that carries a state dict. */
export const stateMark = 'state/1';

/** Whether the header of a stream says that it carries a state dict. */
export function isStateHeader(header: Data): header is { readonly [name: string]: Data } {
  return (
    typeof header === 'object' && header !== null && (header as { peerloom?: unknown }).peerloom === stateMark
  );
}
