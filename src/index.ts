import './base/supported-node.ts';

export type {
  BroadcastDetails,
  BroadcastOptions,
  BroadcastReceipt,
  SubscribeOptions,
} from './api/broadcast-options.ts';
export type { ConnectOptions } from './api/connect-options.ts';
export type { Discovery, DiscoveryHost, FoundNode, KnownNode } from './api/discovery.ts';
export type {
  LostSession,
  NodeCallback,
  NodeEventName,
  NodeEvents,
  NodeListener,
  SlowNodeHandler,
} from './api/events.ts';
export type { Explanation, ExplanationLine, ReachState, ReachTopic } from './api/explanation.ts';
export type { HistoryOptions } from './api/history-options.ts';
export type { HandshakeMetrics, NodeMetrics } from './api/metrics.ts';
export type { Neighbourhood, NeighbourhoodOptions } from './api/neighbourhood.ts';
export { type ConnectionDetails, NodeConnection } from './api/node-connection.ts';
export type { NodeOptions, P2pnetworkOptions, PeerDetails } from './api/options.ts';
export { PeerStream } from './api/peer-stream.ts';
export type { LeaveReason, PresenceOptions } from './api/presence.ts';
export type { Protocol, ProtocolHost, ProtocolPeer } from './api/protocol.ts';
export type { ReconnectOptions } from './api/reconnect-options.ts';
export type { RecorderOptions } from './api/recorder-options.ts';
export type { Route } from './api/route.ts';
export type { SendStateOptions, StateDetails, StateOffer } from './api/state-transfer.ts';
export { type TcpOptions, type TcpProtocol, tcp } from './api/tcp.ts';
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
} from './api/typed-messages.ts';
export { type WebSocketOptions, webSocket } from './api/web-socket.ts';
export type { WebPortOptions } from './api/web-socket-options.ts';
export type { Address } from './base/address.ts';
export type { Compression, Data, JsonScalar, NumericTypedArray } from './base/data.ts';
export type { Log } from './base/debug.ts';
export { type ErrorCode, errorCodes, PeerloomError } from './base/errors.ts';
export { defaultLimits, type LimitOptions, type Limits } from './base/limits.ts';
export type { CountsByCode } from './base/meter.ts';
export type { NodeDuplex } from './base/node-duplex.ts';
export type { NodeRequest, NodeResponse } from './base/node-http.ts';
export { type Runtime, type RuntimeTimer, systemRuntime } from './base/runtime.ts';
export type { CloseReason, ConnectionMetrics, ReturnedMessages, SendOptions } from './channel/channel.ts';
export type { WaitOptions } from './channel/pending.ts';
export { bootstrap } from './discovery/bootstrap.ts';
export { type MdnsOptions, mdns } from './discovery/mdns.ts';
export { type PeerStoreOptions, peerStore } from './discovery/peer-store.ts';
export { Identity } from './identity/identity.ts';
export { type IdentityFile, saveIdentity } from './identity/identity-file.ts';
export type { IdentityStore } from './identity/identity-store.ts';
export type { NodeIdentity, Signer } from './identity/signer.ts';
export { Node } from './node/node.ts';
export type {
  Answer,
  FailedAnswer,
  GivenAnswer,
  RequestFromNodesOptions,
} from './node/request-from-nodes.ts';
export type { SendFailure, SendReport, SendToNodesOptions } from './node/send-to-many.ts';
export type { WantedNodes } from './node/wait-for-nodes.ts';
export type { StateDict, StateDictLike, TensorLike } from './tensors/formats/state-dict.ts';
export type { DType } from './tensors/tensor/dtypes.ts';
export { Tensor, type TensorOptions, type TypedArrays } from './tensors/tensor/tensor.ts';
export type {
  ArrayWithShape,
  LibraryTensor,
  NestedNumbers,
  OnnxTensor,
  TensorFlowTensor,
  TensorSource,
} from './tensors/tensor/tensor-parts.ts';
export type { LimitsByAddress } from './transport/address-limits.ts';
export type { LinkPath, RelayUse } from './transport/link-path.ts';
export { MemoryHub, memory } from './transport/memory/memory.ts';
export { linkOverPipe, type PipeOptions } from './transport/pipe/link-over-pipe.ts';
export type { Security } from './transport/security.ts';
export type { ExpectedPeer, Link, Transport, TransportContext } from './transport/transport.ts';
export type { RelayPlace, SeenHost, TransportReach } from './transport/transport-reach.ts';
