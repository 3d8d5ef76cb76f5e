import { type Address, parseAddress } from '../base/address.ts';
import { shown } from '../base/arguments.ts';

/**
 * Reads an option that says where a transport listens.
 *
 * @param name the option, for errors.
 * @throws TypeError; PeerloomError `ERR_ADDRESS_INVALID`.
 */
export function listenAddresses(
  listen: readonly string[] | undefined,
  name: string,
): readonly Address[] | undefined {
  if (listen === undefined) return undefined;
  if (!Array.isArray(listen)) {
    throw new TypeError(`${name} must be a list such as ['127.0.0.1:10001'], not ${shown(listen)}`);
  }
  return listen.map((text) => parseAddress(text, 'listen'));
}
