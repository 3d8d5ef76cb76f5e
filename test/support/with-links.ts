import type { Link, Transport } from '../../src/index.ts';

/** A transport that shows its links to a test, which may break them. */
export function withLinks(inner: Transport, onLink: (link: Link) => void): Transport {
  return {
    schemes: inner.schemes,
    attach: (context) => inner.attach(context),
    close: () => inner.close(),
    listen: (address, accept) =>
      inner.listen(address, (link) => {
        onLink(link);
        accept(link);
      }),
    async dial(address, signal, expected) {
      const link = await inner.dial(address, signal, expected);
      onLink(link);
      return link;
    },
  };
}
