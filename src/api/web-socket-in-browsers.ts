import { checkOptions } from '../base/arguments.ts';
import type { Transport } from '../transport/transport.ts';
import { DiallingWebSocketTransport } from '../transport/websocket/dialling-transport.ts';
import type { WebSocketOptions } from './web-socket.ts';
import { webPortNames } from './web-socket-options.ts';

/**
 * Replaces `web-socket.ts` in bundles for browsers, by the field `browser` of package.json: a page dials through the
 * browser's WebSocket, and cannot listen.
 *
 * @throws TypeError for an unknown option.
 */
export function webSocket(options: WebSocketOptions = {}): Transport {
  checkOptions(options, ['listen', ...webPortNames]);
  return new DiallingWebSocketTransport();
}
