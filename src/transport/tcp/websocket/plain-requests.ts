import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { messageOf } from '../../../base/arguments.ts';
import type { TransportContext } from '../../transport.ts';

/** Answers a plain HTTP request, which does not ask for a WebSocket. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** How many connections with plain requests may be open. Beyond that, the oldest ends. */
const maxConnections = 64;

/** How long a request and its answer may take. */
const requestMs = 60_000;

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A peerloom node</title>
<p>This is a node of a <a href="https://www.npmjs.com/package/peerloom">peerloom</a> network. Other nodes connect with it by WebSocket; there is nothing else to see here.
</html>
`;

/** Answers plain requests by the user's handler, or by a page that says what this is. One request per connection. */
export class PlainRequests {
  readonly #handler: RequestHandler;
  readonly #context: TransportContext;
  readonly #open = new Set<Socket>();

  constructor(handler: RequestHandler | undefined, context: TransportContext) {
    this.#handler = handler ?? sayWhatThisIs;
    this.#context = context;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    // The connection ends after the first answer.
    if (this.#open.has(request.socket)) return;
    this.#bound(request.socket);
    response.shouldKeepAlive = false;
    response.on('error', () => {});
    request.on('error', () => {});
    const fail = (error: unknown): void => {
      this.#context.log(`the handler of plain HTTP requests threw: ${messageOf(error)}`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    };
    try {
      Promise.resolve(this.#handler(request, response)).catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  #bound(socket: Socket): void {
    const [first] = this.#open;
    if (this.#open.size >= maxConnections) first?.destroy();
    this.#open.add(socket);
    const timer = this.#context.runtime.setTimeout(() => socket.destroy(), requestMs);
    socket.once('close', () => {
      this.#open.delete(socket);
      timer.cancel();
    });
  }
}

function sayWhatThisIs({ method }: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(method === 'HEAD' ? undefined : page);
}
