import type { ReachTopic } from '../../api/explanation.ts';
import type { ErrorCode } from '../../base/errors.ts';

/** The part that failed, and advice beyond the error's own message. */
export interface FailureAdvice {
  readonly about: ReachTopic;
  readonly advice: string;
}

const advices: Partial<Record<ErrorCode, FailureAdvice>> = {
  ERR_ADDRESS_INVALID: { about: 'address', advice: 'correct the address, or give this node the transport' },
  ERR_CONNECTION_CLOSED: {
    about: 'handshake',
    advice:
      'the other side, or something between, hung up during the handshake: check that a peerloom node that runs listens on this port',
  },
  ERR_CONNECTION_REFUSED: {
    about: 'port',
    advice:
      'the machine answers, so the network is fine: start the node there, check the port, and have it listen on 0.0.0.0 instead of 127.0.0.1',
  },
  ERR_HANDSHAKE: {
    about: 'handshake',
    advice:
      'something answers that is not a node of this kind: check the port; a proxy or load balancer between must pass TCP on as it is',
  },
  ERR_HOST_NOT_FOUND: {
    about: 'name lookup',
    advice: 'correct the name or its DNS entry, or use the IP address',
  },
  ERR_HOST_UNREACHABLE: {
    about: 'network',
    advice:
      'this machine has no route to the host: check that it is online, that it has IPv6 if the address is one, and that a private address belongs to its own network or VPN',
  },
  ERR_ID_MISMATCH: {
    about: 'identity',
    advice:
      'another node uses this address now: use the address of the node that you want, or expect the new id',
  },
  ERR_IDENTITY_IN_USE: {
    about: 'identity',
    advice: 'two processes use one key file: give each an identity of its own',
  },
  ERR_NETWORK_MISMATCH: {
    about: 'admission',
    advice: 'give both nodes the same options network and networkKey',
  },
  ERR_NOT_ALLOWED: {
    about: 'admission',
    advice:
      'the side that refused decides: check its options allow, deny, authorize and maxConnections, and its limits',
  },
  ERR_PLAIN_NOT_ALLOWED: {
    about: 'admission',
    advice: "dial with tls://, or allow plain TCP on both sides: tcp({ accept: ['tls', 'plain'] })",
  },
  ERR_SELF_CONNECTION: { about: 'address', advice: 'use the address of the other node' },
  ERR_TIMEOUT: {
    about: 'network',
    advice:
      'nothing answers: the machine is off, a firewall drops the packets, or a router does not forward the port. Or something accepts the connection and stays silent: check the port',
  },
  ERR_TRANSPORT_UNAVAILABLE: { about: 'node', advice: 'install what the message names' },
  ERR_VERSION: { about: 'handshake', advice: 'update the older of the two nodes' },
};

/** The advice about a failed attempt to connect. */
export function failureAdvice(code: ErrorCode | undefined): FailureAdvice {
  const known = code && advices[code];
  if (known !== undefined) return known;
  return {
    about: 'connection',
    advice:
      code === undefined
        ? 'a function of your own threw: correct it'
        : `docs/errors.md says what ${code} means`,
  };
}
