import { styleText } from 'node:util';
import type { KnownNode } from '../api/discovery.ts';
import type { LostSession, NodeCallback } from '../api/events.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { LeaveReason } from '../api/presence.ts';
import { formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { ReturnedMessages } from '../channel/channel.ts';
import { describe, labelOf, messageLines, safeLine } from './describe.ts';

/**
 * Returns a callback for a node's options that prints events as readable text.
 *
 * @param long whether long messages are cut, for a terminal, or printed whole, for a file.
 */
export function eventText(print: (line: string) => void, long: 'cut' | 'whole' = 'cut'): NodeCallback {
  return (event, _node, peer, data) => {
    switch (event) {
      case 'inbound_node_connected':
      case 'outbound_node_connected':
        print(dim(`${labelOf(peer!)} is connected (${peer!.direction}, ${addressOf(peer!)})`));
        break;
      case 'inbound_node_disconnected':
      case 'outbound_node_disconnected': {
        const { code, by, message } = peer!.closeReason!;
        const isNews = by !== 'us' || code !== 'stopped';
        if (isNews) print(dim(`${labelOf(peer!)} is gone: ${safeLine(message)}`));
        break;
      }
      case 'node_message':
        for (const line of messageLines(data as Data, long)) print(`${name(peer!)}: ${line}`);
        break;
      case 'node_request':
        print(
          dim(`${labelOf(peer!)} sent a request, which this program does not answer: ${describe(data, 200)}`),
        );
        break;
      case 'node_discovered': {
        const { id, source } = data as KnownNode;
        print(dim(`found ${id} (${source})`));
        break;
      }
      case 'node_joined':
        print(dim(`joined: ${data}`));
        break;
      case 'node_left': {
        const { id, reason } = data as { id: string; reason: LeaveReason };
        print(
          dim(`left: ${id} (${reason === 'stopped' ? 'it stopped' : 'it has been silent for too long'})`),
        );
        break;
      }
      case 'node_message_rejected':
        print(dim(`rejected a message from ${labelOf(peer!)}: ${safeLine((data as Error).message)}`));
        break;
      case 'node_message_returned': {
        const { count, code } = data as ReturnedMessages;
        print(dim(`${labelOf(peer!)} returned ${count} ${count === 1 ? 'message' : 'messages'}: ${code}`));
        break;
      }
      case 'node_session_lost': {
        const { count } = data as LostSession;
        const what = count === 1 ? 'the last message' : `the last ${count} messages`;
        if (count > 0) print(dim(`${labelOf(peer!)} may not have received ${what}`));
        break;
      }
      case 'node_reconnection_error': {
        const { trials, error } = data as { trials: number; error: unknown };
        print(dim(`attempt ${trials} to connect failed: ${safeLine(messageOf(error))}`));
        break;
      }
      case 'node_error':
        print(dim(safeLine(messageOf((data as { error: unknown }).error))));
        break;
    }
  };
}

/** Describes a connection in one line. */
export function peerText(peer: NodeConnection): string {
  const gap = ' '.repeat(Math.max(2, 9 - labelOf(peer).length));
  return `${name(peer)}${gap}${peer.id}  ${addressOf(peer)}`;
}

/** The address at which others reach this node. */
export function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return formatAddress({ scheme: undefined, host, port });
}

function name(peer: NodeConnection): string {
  return styleText('cyan', labelOf(peer));
}

function dim(text: string): string {
  return styleText('dim', text);
}
