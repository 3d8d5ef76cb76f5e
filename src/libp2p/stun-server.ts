/** The port of STUN where an address names none (RFC 8489, section 18.5). */
const defaultPort = 3_478;

const pattern = /^stuns?:(?<host>\[[^\]\s/]+\]|[^\s/:[\]]+)(?::(?<port>\d{1,5}))?$/;

/** @returns the host and the port of `stun:host:port`. `undefined` if the text is something else. */
export function parseStunServer(text: string): { readonly host: string; readonly port: number } | undefined {
  const { host, port = defaultPort } = pattern.exec(text)?.groups ?? {};
  const number = Number(port);
  return host === undefined || number < 1 || number > 65_535 ? undefined : { host, port: number };
}
