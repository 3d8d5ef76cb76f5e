import type { Link, Transport } from '../../src/index.ts';

/** A transport whose dials can be made to hang until they are aborted. */
export interface HoldingTransport extends Transport {
  isHolding: boolean;
  /** Dials that hang. */
  held: number;
}

export function holdingTransport(inner: Transport): HoldingTransport {
  const transport: HoldingTransport = {
    isHolding: false,
    held: 0,
    schemes: inner.schemes,
    attach: (context) => inner.attach(context),
    listen: (address, onLink) => inner.listen(address, onLink),
    close: () => inner.close(),
    dial(address, signal, id): Promise<Link> {
      if (!transport.isHolding) return inner.dial(address, signal, id);
      transport.held += 1;
      return new Promise((_, reject) => {
        const onAbort = (): void => {
          transport.held -= 1;
          reject(signal.reason);
        };
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },
  };
  return transport;
}
