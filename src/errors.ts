/**
 * Every code that a {@link PeerloomError} can carry, with what it means. docs/errors.md is held against this table.
 *
 * @enum
 */
export const errorCodes = {
  ERR_ABORTED: 'the AbortSignal given by the caller fired',
  ERR_ADDRESS_IN_USE: 'the host and port to listen on are taken',
  ERR_ADDRESS_INVALID: 'the address cannot be read, or no transport of this node knows its scheme',
  ERR_ADDRESS_UNAVAILABLE: 'this machine does not have the address to listen on, or may not use the port',
  ERR_COMPRESSION_UNAVAILABLE:
    'the compression is not available in this runtime or not known to the other side',
  ERR_CONNECTION_CLOSED: 'the connection closed before the operation completed',
  ERR_CONNECTION_REFUSED: 'nothing listens at the address',
  ERR_DECOMPRESSION: 'compressed data is damaged, or larger than the message limit when decompressed',
  ERR_DECRYPTION: 'what was encrypted does not open: altered, or made for another node or another place',
  ERR_ENVELOPE_INVALID: 'a message is not signed as the messages of a SecureNode are',
  ERR_FORK: 'an owner signed two different histories of a collection, or went back to an older copy of it',
  ERR_HANDLER: 'the handler on the other side threw, or gave no answer',
  ERR_HANDSHAKE: 'the other side did not complete the handshake as the protocol has it',
  ERR_HASH_MISMATCH: 'a signed message was altered',
  ERR_HOST_NOT_FOUND: 'the host name does not resolve',
  ERR_HOST_UNREACHABLE: 'no route leads to the host, or the network is down',
  ERR_ID_MISMATCH:
    'the node that answered is not the one that was asked for, or claimed an id that is not its own',
  ERR_IDENTITY_DAMAGED: 'the identity file cannot be read as an Ed25519 private key in PKCS#8 PEM',
  ERR_IDENTITY_FILE: 'the identity file cannot be read or written',
  ERR_IDENTITY_IN_USE: 'another process uses the identity of this node',
  ERR_IDENTITY_KIND: 'the identity file holds a key of another kind than Ed25519',
  ERR_IDENTITY_PASSPHRASE: 'the passphrase of the identity file is missing or wrong',
  ERR_ITEM_CHANGED: 'the item was put again or deleted while it was read',
  ERR_MESSAGE_INVALID: 'a message cannot be decoded',
  ERR_MESSAGE_TOO_LARGE: 'the message is larger than one of the two sides allows',
  ERR_NETWORK_MISMATCH: 'the other side belongs to another network, or does not hold the network key',
  ERR_NO_ROUTE: 'no way was found to a node that is no neighbour, or to anybody who has its data',
  ERR_NOT_ADDRESSEE: 'a signed message is meant for another node',
  ERR_NOT_ALLOWED: 'a list, a limit or the authorize function refused the connection',
  ERR_NOT_CONNECTED: 'no open connection leads to that node',
  ERR_NOT_FOUND: 'none of the nodes that answered holds that item or collection',
  ERR_NOT_PERMITTED: 'the owner of the data has not granted this node to read it, or has revoked that',
  ERR_NOT_REPRESENTABLE: 'the wire format of the other side cannot carry this data as it is',
  ERR_NOT_STARTED: 'the node is not running: start() was not called, or stop() was',
  ERR_NOT_SUPPORTED: 'the kind of connection cannot do this',
  ERR_PLAIN_NOT_ALLOWED: 'plain TCP is not allowed by this node',
  ERR_PROTOCOL: 'the other side broke the protocol',
  ERR_QUEUE_FULL: 'the outgoing queue of the connection is at its cap',
  ERR_REPLAYED: 'a signed message came before, or comes so late that this cannot be told',
  ERR_ROLLBACK: 'an older state was offered than this node has seen already',
  ERR_SCHEMA: 'a typed message, request or answer does not fit its schema',
  ERR_SELF_CONNECTION: 'the address leads to this node itself',
  ERR_SIGNATURE_INVALID: 'a signature was not made by the node that it names',
  ERR_STREAM_ABORTED: 'one of the two sides gave the stream up, for the reason in the message',
  ERR_STREAM_ENDED: 'nothing can be written to a stream that was ended',
  ERR_STREAM_LIMIT: 'the connection has as many streams as one of its two sides allows',
  ERR_TIME_WINDOW: 'a signed message is too old, or from the future: one of the two clocks may be wrong',
  ERR_TIMEOUT: 'the operation took longer than its time limit',
  ERR_TOO_MANY_MESSAGES:
    'a signed message is refused: its neighbour brought more authors than this node can remember',
  ERR_TOO_FEW_ANSWERS: 'fewer nodes than asked for answered a request to all neighbours',
  ERR_TRANSPORT_IN_USE: 'the transport already belongs to another node',
  ERR_TRANSPORT_UNAVAILABLE: 'this runtime lacks what the transport or the file storage needs',
  ERR_UNREACHABLE: 'the address could not be reached for another reason, given as the cause',
  ERR_VAULT_FILE: 'the file of the vault cannot be used',
  ERR_VAULT_INVALID: 'what claims to come from a vault is damaged, or not what its owner signed',
  ERR_VERSION: 'the two sides share no version of the protocol',
} as const;

/** The text codes of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/**
 * The one class of errors that peerloom raises while running; match on `code`. Wrong arguments are
 * `TypeError` or `RangeError` instead, thrown at once.
 *
 * @example
 * try {
 *   await node.connectWithNode('127.0.0.1', 10001);
 * } catch (error) {
 *   if (error instanceof PeerloomError && error.code === 'ERR_CONNECTION_REFUSED') console.log('not up yet');
 * }
 */
export class PeerloomError extends Error {
  /** Always `'PeerloomError'`. */
  override readonly name = 'PeerloomError';
  /** One of {@link errorCodes}. */
  readonly code: ErrorCode;

  /** The message says what to do about it; the cause is what the system or a library said. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** For what a user threw: `instanceof` itself throws for a revoked Proxy. */
export function isPeerloomError(thrown: unknown): thrown is PeerloomError {
  try {
    return thrown instanceof PeerloomError;
  } catch {
    return false;
  }
}
