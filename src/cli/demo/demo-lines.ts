import { styleText } from 'node:util';
import type { EventReport } from './member-process.ts';

const colours = ['cyan', 'green', 'yellow', 'magenta', 'blue'] as const;

/** The names of the nodes of the demo. */
export const memberNames = ['ada', 'ben', 'cleo', 'dan', 'elsa'] as const;
export type MemberName = (typeof memberNames)[number];

const nameWidth = 5;
const eventWidth = 'node_disconnect_with_outbound_node'.length + 1;

export function headingLine(text: string): string {
  return `\n${styleText('bold', text)}`;
}

/** Formats a line about what a node does. */
export function actionLine(name: string, text: string): string {
  return `${coloured(name)}${text}`;
}

/** Formats a line about an event: the node's name, the event, the peer, and details. */
export function eventLine(name: string, { event, peer = '', detail }: EventReport): string {
  const line = `${coloured(name)}  ${styleText('dim', event.padEnd(eventWidth))}${coloured(peer)}${detail}`;
  return line.trimEnd();
}

function coloured(name: string): string {
  const colour = colours[memberNames.indexOf(name as MemberName)] ?? 'white';
  return styleText(colour, name.padEnd(nameWidth));
}
