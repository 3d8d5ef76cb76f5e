import './supported-node.ts';

export type { Address } from './address.ts';
export type { CloseReason, ReturnedMessages, SendOptions } from './channel/channel.ts';
export type { WaitOptions } from './channel/pending.ts';
export type { Compression, Data, JsonScalar, NumericTypedArray } from './data.ts';
export type { Log } from './debug.ts';
export { type ErrorCode, errorCodes, PeerloomError } from './errors.ts';
export type {
  LostSession,
  NodeCallback,
  NodeEventName,
  NodeEvents,
  NodeListener,
  SlowNodeHandler,
} from './events.ts';
export { Identity } from './identity.ts';
export { type IdentityFile, saveIdentity } from './identity-file.ts';
export { defaultLimits, type LimitOptions, type Limits } from './limits.ts';
export { Node } from './node.ts';
export { type ConnectionDetails, NodeConnection } from './node-connection.ts';
export type {
  ConnectOptions,
  NodeOptions,
  P2pnetworkOptions,
  PeerDetails,
  ReconnectOptions,
} from './options.ts';
export { type NodeDuplex, PeerStream } from './peer-stream.ts';
export type { Answer, FailedAnswer, GivenAnswer, RequestFromNodesOptions } from './request-from-nodes.ts';
export { type Runtime, type RuntimeTimer, systemRuntime } from './runtime.ts';
export type { SendFailure, SendReport, SendToNodesOptions } from './send-to-many.ts';
export { MemoryHub, memory } from './transport/memory/memory.ts';
export type { Security } from './transport/security.ts';
export { type TcpOptions, type TcpProtocol, tcp } from './transport/tcp/tcp.ts';
export type { ExpectedPeer, Link, Transport, TransportContext } from './transport/transport.ts';
export {
  defineMessage,
  defineRequest,
  type MessageType,
  type RequestType,
  type SchemaFailure,
  type SchemaIssue,
  type SchemaPathStep,
  type SchemaResult,
  type SchemaSuccess,
  type SchemaTypes,
  type StandardSchema,
  type TypedData,
} from './typed-messages.ts';
export type { WantedNodes } from './wait-for-nodes.ts';
