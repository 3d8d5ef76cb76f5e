import { duplexPair } from 'node:stream';
import { suite, test } from 'node:test';
import {
  type Link,
  linkOverPipe,
  PeerloomError,
  type Transport,
  type TransportContext,
} from '../../../../src/index.ts';
import { linkContract } from '../../../compliance/link-contract.ts';
import type { Engine } from '../../../support/engines.ts';

/** Who listens, by port. */
const listeners = new Map<number, (pipe: ReturnType<typeof duplexPair>[0]) => void>();
let lastPort = 0;

/** Links over streams that are no sockets: these hand each piece to the other side as it is. */
function pairs(): Transport {
  let context: TransportContext | undefined;
  const ports: number[] = [];
  const links = new Set<Link>();
  const options = { protocol: 'pair', remoteAddress: { scheme: 'pair', host: 'pair', port: 1 } };
  const keep = (link: Link): Link => {
    links.add(link);
    void link.closed.then(() => links.delete(link));
    return link;
  };
  return {
    schemes: ['pair'],
    attach(given) {
      if (context !== undefined) throw new PeerloomError('ERR_TRANSPORT_IN_USE', 'in use');
      context = given;
    },
    async listen({ host, port: wanted }, onLink) {
      const port = wanted === 0 ? ++lastPort : wanted;
      if (listeners.has(port)) throw new PeerloomError('ERR_ADDRESS_IN_USE', 'in use');
      listeners.set(port, (pipe) => {
        linkOverPipe(pipe, context!, { ...options, role: 'listener' }).then(
          (link) => onLink(keep(link)),
          () => {},
        );
      });
      ports.push(port);
      return [{ scheme: 'pair', host, port }];
    },
    async dial(remoteAddress, signal) {
      signal.throwIfAborted();
      const listener = listeners.get(remoteAddress.port);
      if (listener === undefined) throw new PeerloomError('ERR_CONNECTION_REFUSED', 'nobody is there');
      const [ours, theirs] = duplexPair();
      // As a real pipe does: neither side outlives the other.
      ours.once('close', () => theirs.destroy());
      theirs.once('close', () => ours.destroy());
      listener(theirs);
      return keep(await linkOverPipe(ours, context!, { ...options, role: 'dialler', remoteAddress, signal }));
    },
    async close() {
      for (const port of ports.splice(0)) listeners.delete(port);
      const ending = [...links];
      for (const link of ending) link.destroy();
      await Promise.all(ending.map(({ closed }) => closed));
    },
  };
}

const engine: Engine = { name: 'pairs of streams', host: 'pair', transport: pairs };

const skips: Readonly<Record<string, string | undefined>> = {
  'a side that closes no longer hears the other': 'a pair hands over each piece during the call of write',
};

suite('a link over streams that are no sockets keeps the promises of links', () => {
  for (const [name, run] of Object.entries(linkContract))
    test(name, { skip: skips[name] }, (t) => run(t, engine));
});
