import type { Compression, Data } from '../../base/data.ts';
import { actionLine, headingLine, type MemberName, memberNames } from './demo-lines.ts';
import type { DemoNetwork } from './demo-network.ts';

/** The links between the members: a ring and three chords. */
const links: readonly (readonly [from: MemberName, to: MemberName])[] = [
  ['ada', 'ben'],
  ['ben', 'cleo'],
  ['cleo', 'dan'],
  ['dan', 'elsa'],
  ['elsa', 'ada'],
  ['ada', 'cleo'],
  ['ben', 'dan'],
  ['cleo', 'elsa'],
];

/** The members that still run at the end. */
export const stayers: readonly MemberName[] = ['ada', 'ben', 'cleo'];

interface Speech {
  readonly from: MemberName;
  /** The line that the demo prints. */
  readonly text: string;
  readonly data: Data;
  /** The receiver. Default: all peers. */
  readonly to?: MemberName;
  readonly compression?: Compression;
  /** Set if the sender waits until the peer has handled the message. */
  readonly confirmed?: true;
}

const talk: readonly Speech[] = [
  { from: 'ada', text: 'sends a text to ben', to: 'ben', data: 'Hello ben, nobody else can read this.' },
  {
    from: 'cleo',
    text: 'sends JSON to all neighbours',
    data: { block: 1, pays: 'ada', to: 'ben', coins: 5 },
  },
  {
    from: 'ben',
    text: 'sends a long text to all neighbours, compressed with zstd',
    data: 'Once more, with feeling. '.repeat(4_000),
    compression: 'zstd',
  },
  { from: 'dan', text: 'sends bytes to elsa', to: 'elsa', data: Uint8Array.of(0, 4, 128, 255) },
  {
    from: 'elsa',
    text: 'sends a Float32Array to all neighbours',
    data: Float32Array.of(0.5, -0.25, 3),
  },
  {
    from: 'ada',
    text: 'sends a text to cleo, and waits until she has handled it',
    to: 'cleo',
    data: 'Did you get this?',
    confirmed: true,
  },
];

/** Runs the demo. @throws Error if something does not happen in time. */
export async function tellStory(network: DemoNetwork, print: (line: string) => void): Promise<void> {
  print(headingLine('Five nodes start, each in a process of its own'));
  const ports = new Map<string, number>();
  async function start(name: string): Promise<void> {
    const { id, port } = await network.start(name);
    ports.set(name, port);
    print(actionLine(name, `listens on 127.0.0.1 port ${port} as ${id}`));
  }
  await Promise.all(memberNames.map(start));

  print(headingLine('They connect, over TLS: a ring with three chords'));
  for (const [from, to] of links) {
    await network.tell(from, { do: 'connect', port: ports.get(to)! });
    await network.connected(to, from);
  }

  print(headingLine('They talk'));
  for (const speech of talk) await speak(speech);

  print(headingLine('dan leaves'));
  await network.tell('dan', { do: 'stop' });
  await Promise.all([network.ended('dan'), network.left('dan')]);
  await network.arrived();

  print(headingLine('elsa is killed: her process just ends'));
  // Her last account is complete: everything has arrived, and she sends nothing more.
  await network.tell('elsa', { do: 'count' });
  await network.kill('elsa');
  await network.left('elsa');

  print(headingLine('The others go on'));
  await speak({ from: 'ben', text: 'sends a text to all neighbours', data: 'There are three of us now.' });

  async function speak({ from, text, confirmed, ...message }: Speech): Promise<void> {
    print(actionLine(from, text));
    await network.tell(from, { do: confirmed ? 'deliver' : 'send', ...message });
    await network.arrived();
  }
}
