import { type Data, Node } from 'peerloom';

const query = new URLSearchParams(location.search);
const nick = query.get('nick') ?? `guest ${Math.ceil(Math.random() * 999)}`;
const lines = document.querySelector('ol')!;
const status = document.querySelector('output')!;

function show(line: Data): void {
  const { nick, text } = line as { nick: string; text: string };
  const item = document.createElement('li');
  const author = document.createElement('b');
  author.textContent = `${nick} `;
  item.append(author, text);
  lines.append(item);
  item.scrollIntoView({ block: 'end' });
}

const node = new Node('page', 0, { network: query.get('network') ?? 'browser-chat', name: nick });
await node.subscribe('chat', { history: { maxMessages: 100 } });
node.on('node_broadcast', (_origin, line) => show(line));
node.on('outbound_node_connected', () => {
  status.value = `connected as ${nick}`;
});
node.on('outbound_node_disconnected', () => {
  status.value = 'not connected, trying again';
});

document.querySelector('form')!.addEventListener('submit', (event) => {
  event.preventDefault();
  const input = document.querySelector('input')!;
  const line = { nick, text: input.value };
  node.broadcast(line, { topic: 'chat' });
  show(line);
  input.value = '';
});

await node.start();
await node.connectWithNode(query.get('node') ?? `ws://${location.hostname}:10001`, { retry: true });
