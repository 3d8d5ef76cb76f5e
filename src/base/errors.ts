/**
 * Every code of a {@link PeerloomError}, with its meaning. docs/errors.md has the same table, with what to do about
 * each.
 *
 * @enum
 */
export const errorCodes = {
  ERR_ABORTED: 'the AbortSignal that you passed fired',
  ERR_ADDRESS_IN_USE: 'another program listens on this host and port',
  ERR_ADDRESS_INVALID: 'the address cannot be parsed, or no transport of this node knows its scheme',
  ERR_ADDRESS_UNAVAILABLE:
    'this machine does not have the address to listen on, or does not let this process use the port',
  ERR_COMPRESSION_UNAVAILABLE: 'this runtime lacks the compression, or the peer does not know it',
  ERR_CONNECTION_CLOSED: 'the connection closed before the operation completed',
  ERR_CONNECTION_REFUSED: 'nothing listens at the address',
  ERR_DECOMPRESSION: 'compressed data is damaged, or exceeds the message limit when decompressed',
  ERR_DECRYPTION:
    'encrypted data cannot be decrypted: it was altered, or encrypted for another node or place',
  ERR_ENVELOPE_INVALID: 'a message is not signed in the way of a SecureNode',
  ERR_FORK: 'an owner signed two different histories of a collection, or went back to an older copy of it',
  ERR_HANDLER: 'the handler on the other side threw, returned no response, or does not exist',
  ERR_HANDSHAKE: 'the other side did not complete the handshake as the protocol requires',
  ERR_HASH_MISMATCH: 'a signed message was altered',
  ERR_HISTORY_FILE: 'the file or store of a history cannot be used',
  ERR_HOST_NOT_FOUND: 'the host name does not resolve',
  ERR_HOST_UNREACHABLE: 'no route leads to the host, or the network is down',
  ERR_ID_MISMATCH:
    'the node that answered has another id than expected, or claimed an id that is not its own',
  ERR_IDENTITY_DAMAGED: 'the identity file does not hold an Ed25519 private key in PKCS#8 PEM',
  ERR_IDENTITY_FILE: 'the identity file cannot be read or written',
  ERR_IDENTITY_IN_USE: 'another process or page uses the identity of this node',
  ERR_IDENTITY_KIND: 'the identity file holds a key that is not Ed25519',
  ERR_IDENTITY_PASSPHRASE: 'the passphrase of the identity file is missing or wrong',
  ERR_IDENTITY_STORE: 'the browser cannot keep or load the identity',
  ERR_ITEM_CHANGED: 'the item was put again or deleted while it was being read',
  ERR_KIND_UNKNOWN: 'a peer sends typed messages or requests that nobody here handles',
  ERR_MESSAGE_INVALID: 'a message cannot be decoded',
  ERR_MESSAGE_TOO_LARGE: 'the message is larger than one of the two sides allows',
  ERR_NETWORK_MISMATCH: 'the other side belongs to another network, or does not hold the network key',
  ERR_NODE_UNKNOWN: 'no address of the node is known, neither here nor at the nodes that were asked',
  ERR_NO_NEIGHBOUR: 'this node is connected with no node that passes broadcasts on',
  ERR_NO_ROUTE: 'no path leads to a node that is not a neighbour, or to any node that has its data',
  ERR_NOT_ADDRESSEE: 'a signed message is meant for another node',
  ERR_NOT_ALLOWED: 'a list, a limit or the authorize function refused the connection',
  ERR_NOT_CONNECTED: 'this node has no open connection with that node',
  ERR_NOT_FOUND: 'none of the nodes that answered has that item or collection',
  ERR_NOT_LOADED: 'a page could not load a part of the program that it needs only now',
  ERR_NOT_PERMITTED:
    'the owner of the data has not granted this node permission to read it, or has revoked it',
  ERR_NOT_REPRESENTABLE: 'the wire format of the peer cannot carry this data unchanged',
  ERR_NOT_STARTED: 'the node is not running: call start() first; a stopped node cannot start again',
  ERR_NOT_SUPPORTED: 'this kind of connection or identity cannot do this',
  ERR_PEER_STORE: 'the file of a peerStore cannot be used',
  ERR_PLAIN_NOT_ALLOWED: 'this node does not allow plain TCP',
  ERR_PROTOCOL: 'the other side broke the protocol',
  ERR_QUEUE_FULL: 'the outgoing queue of the connection, or the memory for broadcasts, is full',
  ERR_REPLAYED: 'a signed message arrived before, or so late that the node cannot tell',
  ERR_ROLLBACK: 'a node offered an older state than this node has already seen',
  ERR_SCHEMA: 'a typed message, request or response does not fit its schema',
  ERR_SELF_CONNECTION: 'the address leads to this node itself',
  ERR_SIGNATURE_INVALID: 'a signature was not made by the node that it names',
  ERR_SIGNER: 'the signer that you passed as the identity failed, or returned a wrong signature',
  ERR_STATE_INVALID: 'a state dict arrived that is not the one that was announced',
  ERR_STATE_REFUSED:
    'the other node does not want the state dict, allows no such size, or ended the transfer',
  ERR_STREAM_ABORTED: 'one of the two sides aborted the stream, for the reason in the message',
  ERR_STREAM_ENDED: 'write() was called on a stream after end()',
  ERR_STREAM_LIMIT: 'the connection has as many streams as one of its two sides allows',
  ERR_TENSOR_FILE: 'a file of tensors cannot be read or written',
  ERR_TENSOR_FORMAT: 'a file of tensors is damaged, or holds something that peerloom does not read',
  ERR_TIME_WINDOW: 'a signed message is too old, or from the future: one of the two clocks may be wrong',
  ERR_TIMEOUT: 'the operation took longer than its time limit',
  ERR_TOO_MANY_MESSAGES:
    'a signed message is refused: its neighbour brought more authors than this node can remember',
  ERR_TOO_FEW_ANSWERS: 'fewer nodes than required answered a request to all neighbours',
  ERR_TOPIC_KEY: 'the key of the topic is still being derived: await subscribe() first',
  ERR_TRANSPORT_IN_USE: 'the transport already belongs to another node',
  ERR_TRANSPORT_UNAVAILABLE: 'this runtime lacks what the transport or the file storage needs',
  ERR_UNREACHABLE: 'the address could not be reached for another reason, given as the cause',
  ERR_VAULT_FILE: 'the file of the vault cannot be used',
  ERR_VAULT_INVALID: 'vault data is damaged, or not what its owner signed',
  ERR_VERSION: 'the two sides have no protocol version in common',
} as const;

/** One of the codes in {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/**
 * The class of all errors that peerloom throws while it runs; match on `code`. Wrong arguments cause a `TypeError` or
 * `RangeError` instead, at once.
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

  /**
   * Creates an error.
   *
   * @param message says what happened, why, and what to do about it.
   * @param options `cause`: what the system or a library reported.
   */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Safe for values that a user threw: `instanceof` alone throws for a revoked Proxy. */
export function isPeerloomError(thrown: unknown): thrown is PeerloomError {
  try {
    return thrown instanceof PeerloomError;
  } catch {
    return false;
  }
}
