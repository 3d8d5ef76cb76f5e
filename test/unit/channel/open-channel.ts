import type { ChannelHandler } from '../../../src/channel/channel.ts';
import { FrameChannel } from '../../../src/channel/frame-channel.ts';
import { Outgoing } from '../../../src/channel/outgoing.ts';
import type { Data, Limits } from '../../../src/index.ts';
import { resolveLimits } from '../../../src/limits.ts';
import { idBody, smallFrame, writeFrameHeader } from '../../../src/wire/frame.ts';
import { type Frame, FrameReader } from '../../../src/wire/frame-reader.ts';
import { encodePayload } from '../../../src/wire/payload.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { VirtualRuntime } from '../../support/virtual-runtime.ts';

export const hello = {
  versions: [1, 1],
  network: '',
  port: 7,
  name: 'other',
  instance: 'run 1',
  maxMessageBytes: 1_000_000,
  compressions: ['none', 'zlib'],
  replace: false,
} as const;

/** A channel whose other side is the test. */
export function openChannel({
  early = [],
  limits,
  isStarted = true,
}: {
  early?: Frame[];
  limits?: Partial<Limits>;
  isStarted?: boolean;
} = {}) {
  const runtime = new VirtualRuntime();
  const link = new FakeLink();
  const resolved = resolveLimits(limits);
  const channel = new FrameChannel(
    {
      link,
      direction: 'outbound',
      reader: new FrameReader(() => {}, { maxMessageBytes: resolved.maxMessageBytes + 4 }),
      outgoing: new Outgoing(link, resolved),
      theirs: hello,
      version: 1,
      early,
    },
    { limits: resolved, runtime, log: Object.assign(() => {}, { enabled: false }) },
  );
  const told: string[] = [];
  const behaviour = {
    message: (_data: Data): boolean | Promise<boolean> => true,
    request: (data: Data): Data | Promise<Data | undefined> => data,
  };
  const handler: ChannelHandler = {
    connected: () => true,
    message: (data) => {
      told.push(`message ${data}`);
      return behaviour.message(data);
    },
    request: (data) => {
      told.push(`request ${data}`);
      return behaviour.request(data);
    },
    stream: () => undefined,
    unanswerable: (error) => void told.push(`unanswerable ${(error as Error).message}`),
    rejected: (error) => void told.push(`rejected ${(error as { code?: string }).code}`),
    closed: ({ code, by }) => void told.push(`closed ${code} by ${by}`),
  };
  if (isStarted) channel.start(handler);
  return { runtime, link, channel, told, behaviour, handler };
}

/** A frame with data, and with a number where its kind has one. */
export function dataFrame(
  kind: number,
  data: Data,
  { id, format, compression = 0 }: { id?: number; format?: number; compression?: number } = {},
): Uint8Array {
  const payload = encodePayload(data);
  const body = Buffer.concat([id === undefined ? Buffer.alloc(0) : idBody(id), payload.body]);
  const frame = smallFrame(kind, body);
  writeFrameHeader(frame, 0, {
    kind,
    flags: 0,
    format: format ?? payload.format,
    compression,
    length: body.length,
  });
  return frame;
}

/** The kinds of the frames that were sent, which are forgotten. */
export const kindsOf = (link: FakeLink): number[] => link.takeFrames().map(({ kind }) => kind);
