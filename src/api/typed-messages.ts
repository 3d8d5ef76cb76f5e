import { checkType, shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';

/**
 * A schema by the Standard Schema specification, version 1 (standardschema.dev). Schemas of zod, valibot, arktype and
 * other libraries have this interface, so peerloom depends on none of them.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The part that the specification defines. */
  readonly '~standard': {
    /** The version of the specification. */
    readonly version: 1;
    /** The name of the library. */
    readonly vendor: string;
    /** Checks a value. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Exists for TypeScript only. */
    readonly types?: SchemaTypes<Input, Output> | undefined;
  };
}

/** The types before and after validation. They exist for TypeScript only. */
export interface SchemaTypes<Input, Output> {
  /** The type before validation. */
  readonly input: Input;
  /** The type after validation. */
  readonly output: Output;
}

/** The result of a {@link StandardSchema}: the validated value, or the issues. */
export type SchemaResult<Output> = SchemaSuccess<Output> | SchemaFailure;

/** The value fits. */
export interface SchemaSuccess<Output> {
  /** The validated value, which the schema may have changed. */
  readonly value: Output;
  /** Only in {@link SchemaFailure}. */
  readonly issues?: undefined;
}

/** The value does not fit. */
export interface SchemaFailure {
  /** At least one issue. */
  readonly issues: readonly SchemaIssue[];
}

/** A step of a path, as some libraries give it. */
export interface SchemaPathStep {
  /** The key of an object, or the index of a list. */
  readonly key: PropertyKey;
}

/** Something that is wrong with a value. */
export interface SchemaIssue {
  /** A sentence for people. */
  readonly message: string;
  /** The place in the value. */
  readonly path?: readonly (PropertyKey | SchemaPathStep)[] | undefined;
}

/** A typed message as it travels. It is plain JSON if its data is. */
export type TypedData<Value = Data> = {
  /** The name given to {@link defineMessage} or {@link defineRequest}. */
  readonly kind: string;
  /** The data, which the schema describes. */
  readonly data: Value;
};

/** A kind of message, made by {@link defineMessage}. Call it to make a message of the kind. */
export interface MessageType<Input = never, Output = unknown> {
  /** @returns a message for {@link NodeConnection.send}, {@link Node.sendToNodes} and similar methods. */
  (data: Input): TypedData;
  /** The name of the kind, as it travels. */
  readonly kind: string;
  /** The schema of the data. */
  readonly schema: StandardSchema<unknown, Output>;
}

/** A kind of request, made by {@link defineRequest}, for {@link NodeConnection.request} and {@link Node.handle}. */
export interface RequestType<
  Request = unknown,
  ParsedRequest = Request,
  Response = unknown,
  ParsedResponse = Response,
> {
  /** The name of the kind, as it travels. */
  readonly kind: string;
  /** The schema of the request. */
  readonly request: StandardSchema<Request, ParsedRequest>;
  /** The schema of the answer. */
  readonly response: StandardSchema<Response, ParsedResponse>;
}

/**
 * Defines a kind of message. Its data is checked when it arrives, by any Standard Schema (zod, valibot, arktype, …).
 * The message travels as `{ kind, data }`, so Python nodes can send and receive it too.
 *
 * @param kind the name of the kind, not empty, the same on both sides.
 * @throws TypeError if the kind is not a non-empty string, or the schema is not a Standard Schema.
 * @example
 * const line = defineMessage('line', z.object({ text: z.string().max(500) }));
 * node.handle(line, (peer, { text }) => console.log(`${peer.name}: ${text}`));
 * peer.send(line({ text: 'hello' }));
 */
export function defineMessage<Input, Output>(
  kind: string,
  schema: StandardSchema<Input, Output>,
): MessageType<Input, Output> {
  checkKind(kind);
  checkSchema('schema', schema);
  const make = (data: Input): TypedData => ({ kind, data: data as Data });
  return Object.freeze(Object.assign(make, { kind, schema }));
}

/**
 * Defines a kind of request. The node that answers checks the request, and the node that asked checks the answer.
 *
 * @param kind the name of the kind, not empty, the same on both sides.
 * @throws TypeError if the kind is not a non-empty string, or a schema is not a Standard Schema.
 * @example
 * const history = defineRequest('history', {
 *   request: z.object({ since: z.number() }),
 *   response: z.array(z.string()),
 * });
 * node.handle(history, (peer, { since }) => lines.slice(since));
 * const lines = await peer.request(history, { since: 0 });
 */
export function defineRequest<Request, ParsedRequest, Response, ParsedResponse>(
  kind: string,
  schemas: {
    readonly request: StandardSchema<Request, ParsedRequest>;
    readonly response: StandardSchema<Response, ParsedResponse>;
  },
): RequestType<Request, ParsedRequest, Response, ParsedResponse> {
  checkKind(kind);
  checkType('schemas', schemas, 'object');
  const { request, response } = schemas;
  checkSchema('schemas.request', request);
  checkSchema('schemas.response', response);
  return Object.freeze({ kind, request, response });
}

/** Whether the value is a kind of request, and not the data of a request. */
export function isRequestType(value: unknown): value is RequestType {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, request, response } = value as Partial<RequestType>;
  return typeof kind === 'string' && isSchema(request) && isSchema(response);
}

/** Whether the value is a kind of message. */
export function isMessageType(value: unknown): value is MessageType {
  if (typeof value !== 'function') return false;
  const { kind, schema } = value as Partial<MessageType>;
  return typeof kind === 'string' && isSchema(schema);
}

/** Returns the kind of a typed message or request, or `undefined` for other data. */
export function kindOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { kind } = data as Record<string, unknown>;
  const isTyped = typeof kind === 'string' && 'data' in data && Object.keys(data).length === 2;
  return isTyped ? kind : undefined;
}

/**
 * Checks a value by a schema.
 *
 * @param what names it in the error: "a message of the kind 'line'".
 * @returns the validated value, or a promise of it if the schema is asynchronous.
 * @throws PeerloomError `ERR_SCHEMA`, which names the first places that do not fit.
 */
export function checked<Output>(
  what: string,
  schema: StandardSchema<unknown, Output>,
  value: unknown,
): Output | Promise<Output> {
  const result = schema['~standard'].validate(value);
  return result instanceof Promise ? result.then((one) => outputOf(what, one)) : outputOf(what, result);
}

function outputOf<Output>(what: string, result: SchemaResult<Output>): Output {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, maxShownIssues).map(describe).join('; ');
  throw new PeerloomError('ERR_SCHEMA', `${what} does not fit its schema: ${issues}`);
}

/** An error names at most this many issues. */
const maxShownIssues = 5;

function describe({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((step) => String(typeof step === 'object' ? step.key : step));
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`;
}

function checkKind(kind: unknown): void {
  if (typeof kind === 'string' && kind !== '') return;
  throw new TypeError(`kind must be a string that is not empty, not ${shown(kind)}`);
}

function checkSchema(name: string, schema: unknown): void {
  if (isSchema(schema)) return;
  throw new TypeError(
    `${name} must be a Standard Schema, such as one of zod, valibot or arktype, not ${shown(schema)}`,
  );
}

function isSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as Partial<StandardSchema>)['~standard'];
  return standard?.version === 1 && typeof standard.validate === 'function';
}
