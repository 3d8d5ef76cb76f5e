import { type Libp2pEncryption, lan, libp2p } from '../../src/libp2p/index.ts';
import type { Engine } from './engines.ts';

// The loggers of libp2p look at them, and what looks at them first opens them: no test has left them behind.
void [process.stdin, process.stdout, process.stderr];

/** libp2p over TCP, encrypted in one way. */
export function libp2pOverTcp(encryption: Libp2pEncryption, networkKey?: string): Engine {
  return {
    name: `libp2p() over TCP, ${encryption}${networkKey === undefined ? '' : ', with a network key'}`,
    host: '127.0.0.1',
    ...(networkKey !== undefined && { networkKey }),
    transport: () => libp2p(lan({ encryption: [encryption] })),
  };
}
