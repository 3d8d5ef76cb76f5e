import { DecompressionTurns } from '../../../src/base/decompression-turns.ts';
import { resolveLimits } from '../../../src/base/limits.ts';
import { MemoryBudget } from '../../../src/base/memory-budget.ts';
import type { ChannelHandler } from '../../../src/channel/channel.ts';
import { FrameChannel } from '../../../src/channel/frame-channel.ts';
import { LinkEnd } from '../../../src/channel/link-end.ts';
import type { Data, Limits } from '../../../src/index.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { idBody, smallFrame, writeFrameHeader } from '../../../src/wire/frames/frame.ts';
import type { Hello } from '../../../src/wire/frames/hello.ts';
import { encodePayload } from '../../../src/wire/payloads/payload.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { silentLog } from '../../support/silent-log.ts';
import { defaultWindows } from '../../support/windows.ts';

export const hello = {
  versions: [1, 1],
  network: '',
  addresses: ['tls://0.0.0.0:7'],
  name: 'other',
  instance: 'run 1',
  maxMessageBytes: 1_000_000,
  compressions: ['none', 'zlib'],
  windows: defaultWindows,
  protocols: [],
  replace: false,
} as const;

/** A channel whose other side is the test. */
export function openChannel({
  rest = [],
  limits,
  isStarted = true,
  hello: theirs = hello,
  direction = 'outbound',
  runtime = new VirtualRuntime(),
  turns = new DecompressionTurns(runtime),
  link = new FakeLink(),
  budget,
}: {
  /** What came behind the handshake. */
  rest?: Uint8Array[];
  limits?: Partial<Limits>;
  isStarted?: boolean;
  /** What both sides say. */
  hello?: Hello;
  direction?: 'inbound' | 'outbound';
  runtime?: VirtualRuntime;
  /** Shared with other channels. */
  turns?: DecompressionTurns;
  link?: FakeLink;
  /** Shared with other channels. */
  budget?: MemoryBudget;
} = {}) {
  const resolved = resolveLimits(limits);
  const channel = new FrameChannel(
    {
      end: new LinkEnd(link),
      direction,
      ours: theirs,
      theirs,
      version: 1,
      takeRest: () => rest,
    },
    {
      limits: resolved,
      budget: budget ?? new MemoryBudget(resolved.memoryBudgetBytes),
      turns,
      runtime,
      log: silentLog,
      traffic: silentLog,
      protocols: theirs.protocols.map((name) => ({ name, outlivesLinks: !name.startsWith('fleeting') })),
    },
  );
  const told: string[] = [];
  const behaviour = {
    message: (_data: Data): boolean | Promise<boolean> => true,
    request: (data: Data): Data | Promise<Data | undefined> => data,
    protocol: (_bytes: Uint8Array): Promise<void> | undefined => undefined,
  };
  const handler: ChannelHandler = {
    connected: () => true,
    message: (data) => {
      told.push(`message ${data}`);
      return behaviour.message(data);
    },
    delivery: (data) => handler.message(data),
    request: (data) => {
      told.push(`request ${data}`);
      return behaviour.request(data);
    },
    stream: () => undefined,
    unsendable: (error) => void told.push(`unsendable ${error.message}`),
    slow: ({ handler, waiting, deliveries }) =>
      void told.push(`slow ${handler}, ${waiting} wait, ${deliveries} deliveries`),
    returned: ({ count, code }) => void told.push(`returned ${count} ${code}`),
    protocolOpened: (name) => void told.push(`opened ${name}`),
    protocol: (name, bytes) => {
      told.push(`${name} ${Buffer.from(bytes)}`);
      return behaviour.protocol(bytes);
    },
    protocolClosed: (name) => void told.push(`closed ${name}`),
    unanswerable: (error) => void told.push(`unanswerable ${(error as Error).message}`),
    rejected: (error) => void told.push(`rejected ${(error as { code?: string }).code}`),
    unlinked: () => {},
    suspended: ({ code }) => void told.push(`suspended ${code}`),
    resumed: () => void told.push('resumed'),
    closed: ({ code, by }, readUnacknowledged) => {
      told.push(`closed ${code} by ${by}`);
      const unacknowledged = readUnacknowledged?.();
      if (unacknowledged !== undefined) told.push(`unacknowledged ${unacknowledged.length}`);
    },
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
