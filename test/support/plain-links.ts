import type { Link, Security, Transport } from '../../src/index.ts';

const plain: Security = { protocol: 'plain', encrypted: false, authenticated: true };

/** Links for `plain://` addresses, which promise less than those of `inner`: nothing encrypts them. */
export function plainLinks(inner: Transport): Transport {
  const expose = (link: Link): Link => Object.assign(link, { security: plain });
  return {
    schemes: ['plain'],
    attach: (context) => inner.attach(context),
    listen: (address, onLink) => inner.listen({ ...address, host: 'plain' }, (link) => onLink(expose(link))),
    dial: async (address, signal, expected) =>
      expose(await inner.dial({ ...address, host: 'plain' }, signal, expected)),
    close: () => inner.close(),
  };
}
