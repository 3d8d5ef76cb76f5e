import { shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import type { Handled } from '../channel/channel.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { NodeConnection } from './node-connection.ts';
import {
  checked,
  isMessageType,
  isRequestType,
  kindOf,
  type MessageType,
  type RequestType,
  type StandardSchema,
  type TypedData,
} from './typed-messages.ts';
import { UnknownKinds } from './unknown-kinds.ts';

/** Handles a message, or answers a request, whose data has passed its schema. */
export type TypedHandler = (peer: NodeConnection, data: unknown) => unknown;

/** The handler of a kind. */
export interface Registered {
  /** For errors: `"a message of the kind 'line'"`. */
  readonly what: string;
  readonly schema: StandardSchema;
  readonly handler: TypedHandler;
}

/** A message or request that arrived over a connection. */
export interface Arrival {
  readonly peer: NodeConnection;
  readonly data: Data;
  /** Reports that the data does not fit. */
  readonly reject: (error: Error) => void;
}

/** The handlers of typed messages and requests that a node has, by their kinds. */
export class TypedHandlers {
  readonly #dispatcher: Dispatcher;
  /** Created when first used, because many nodes handle no kinds. */
  #messages: Map<string, Registered> | undefined;
  #requests: Map<string, Registered> | undefined;
  #unknownKinds: UnknownKinds | undefined;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  /**
   * @throws TypeError if `type` is not a kind or already has a handler, or if the handler is not a function.
   */
  add(type: MessageType | RequestType, handler: TypedHandler): void {
    if (typeof handler !== 'function')
      throw new TypeError(`handler must be a function, not ${shown(handler)}`);
    if (isMessageType(type)) {
      this.#messages ??= new Map();
      addTo(this.#messages, type.kind, {
        what: `a message of the kind '${type.kind}'`,
        schema: type.schema,
        handler,
      });
    } else if (isRequestType(type)) {
      this.#requests ??= new Map();
      addTo(this.#requests, type.kind, {
        what: `a request of the kind '${type.kind}'`,
        schema: type.request,
        handler,
      });
    } else {
      throw new TypeError(`type must come from defineMessage or defineRequest, not ${shown(type)}`);
    }
  }

  /** @returns `undefined` if the data has no kind, or a kind without a handler. */
  ofMessage(data: unknown, peer: NodeConnection): Registered | undefined {
    return this.isInUse ? this.#find('node_message', data, peer) : undefined;
  }

  /** @returns `undefined` if the data has no kind, or a kind without a handler. */
  ofRequest(data: unknown, peer: NodeConnection): Registered | undefined {
    return this.isInUse ? this.#find('node_request', data, peer) : undefined;
  }

  /** Whether any kind has a handler. */
  get isInUse(): boolean {
    return this.#messages !== undefined || this.#requests !== undefined;
  }

  #find(event: 'node_message' | 'node_request', data: unknown, peer: NodeConnection): Registered | undefined {
    const handlers = event === 'node_message' ? this.#messages : this.#requests;
    const kind = kindOf(data);
    const found = handlers?.get(kind ?? '');
    if (found === undefined && !this.#dispatcher.handles(event)) {
      this.#unknownKinds ??= new UnknownKinds();
      const known = [...(handlers?.keys() ?? [])];
      const error = this.#unknownKinds.report(event, { peer, kind, known });
      if (error !== undefined) this.#dispatcher.warn(error, event, peer);
    }
    return found;
  }

  /**
   * Checks a message and calls its handler, whose own errors become a `node_error`.
   *
   * @throws PeerloomError `ERR_SCHEMA`, or rejects with it, once it is reported.
   */
  receive({ what, schema, handler }: Registered, { peer, data, reject }: Arrival): Handled {
    this.#dispatcher.observe('node_message', peer, data);
    const handle = (valid: unknown): Handled =>
      this.#dispatcher.run('node_message', peer, () => handler(peer, valid));
    return afterCheck({ what, schema, data, reject }, handle) as Handled;
  }

  /**
   * Checks a request and asks its handler for the answer.
   *
   * @throws PeerloomError `ERR_SCHEMA`, once it is reported, or what the handler threw, after its `node_error`.
   */
  answer({ what, schema, handler }: Registered, { peer, data, reject }: Arrival): unknown {
    this.#dispatcher.observe('node_request', peer, data);
    const fail = (error: unknown): never => {
      this.#dispatcher.failed(error, 'node_request', peer);
      throw error;
    };
    return afterCheck({ what, schema, data, reject }, (valid) => {
      try {
        const answer = handler(peer, valid);
        return isPromiseLike(answer) ? Promise.resolve(answer).catch(fail) : answer;
      } catch (error) {
        return fail(error);
      }
    });
  }
}

/** Continues with the validated data, later if the schema is asynchronous. */
function afterCheck(
  { what, schema, data, reject }: Pick<Registered, 'what' | 'schema'> & Pick<Arrival, 'data' | 'reject'>,
  goOn: (valid: unknown) => unknown,
): unknown {
  const refuse = (error: unknown): never => {
    reject(error as Error);
    throw error;
  };
  let valid: unknown;
  try {
    valid = checked(what, schema, (data as TypedData).data);
  } catch (error) {
    return refuse(error);
  }
  return valid instanceof Promise ? valid.catch(refuse).then(goOn) : goOn(valid);
}

function addTo(handlers: Map<string, Registered>, kind: string, registered: Registered): void {
  if (handlers.has(kind))
    throw new TypeError(`the kind '${kind}' already has a handler: a kind can have only one`);
  handlers.set(kind, registered);
}
