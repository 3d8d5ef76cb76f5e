import { messageOf } from '../../base/arguments.ts';
import { isPeerloomError } from '../../base/errors.ts';
import { scopeOf } from '../../base/host-scope.ts';
import { systemRuntime } from '../../base/runtime.ts';
import { listeningLine } from '../../node/explain/explain-self.ts';
import { Node } from '../../node/node.ts';
import { exitCodes, WrongUse } from '../failure.ts';
import { type WayOptions, type Ways, waysTo } from '../ways.ts';
import { type Finding, findingText } from './finding.ts';
import { clockByFile, type GivenFile, identityFindings } from './identity-file.ts';
import { addressFindings, packageFindings, runtimeFinding } from './machine.ts';
import { askRouter } from './nat-pmp.ts';
import { peerFindings } from './peers.ts';
import { filterFindings, nextStep, relayFindings, routerFindings, stunFindings, udpWay } from './reach.ts';
import { askFilter, askStun } from './stun.ts';

export interface DoctorOptions extends WayOptions {
  /** The host on which to try to listen. */
  readonly host: string;
  readonly port: number;
  /** The addresses of peers to dial. */
  readonly addresses: readonly string[];
  readonly identity: GivenFile | undefined;
  readonly network: string | undefined;
  readonly networkKey: string | undefined;
  readonly json: boolean;
}

/**
 * Examines this machine and prints the findings one by one, with advice.
 *
 * @returns the exit code: 1 if something is wrong.
 */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const { addresses, identity, json, stun } = options;
  let isWrong = false;
  const print = (findings: readonly Finding[]): void => {
    for (const finding of findings) {
      isWrong ||= finding.is === 'wrong';
      console.log(json ? JSON.stringify(finding) : findingText(finding));
    }
  };
  print([runtimeFinding(), ...addressFindings()]);
  if (identity !== undefined)
    print([...identityFindings(identity), ...clockByFile(identity.path, systemRuntime.wallNow())]);
  const { node, ways, findings } = await listen(options);
  try {
    print(findings);
    const places = ways.libp2p?.reach().relays ?? [];
    print(relayFindings(places));
    const seenAt: string[] = [];
    for (const address of [
      ...places.filter(({ isReserved }) => isReserved).map(({ relay }) => relay),
      ...addresses,
    ]) {
      const { findings: found, seenAs } = await peerFindings(node, address);
      print(found);
      if (seenAs !== undefined) seenAt.push(seenAs);
    }
    const answers = await askStun(stun);
    print(stunFindings(answers));
    const udp = udpWay(answers);
    const filter = udp === 'one port' ? await askFilter(stun) : 'unknown';
    print(filterFindings(filter));
    seenAt.push(...answers.flatMap(({ seen }) => seen?.host ?? []));
    if (seenAt.length === 0 && addresses.length === 0) print([clockAlone(), nobodyAsked()]);
    const isSeen = seenAt.some((host) => scopeOf(host) === 'public');
    const router = isSeen ? await askRouter() : undefined;
    print(routerFindings(router, seenAt));
    const step = nextStep({ seenAt, udp, filter, router, places, port: options.port });
    if (step !== undefined) print([step]);
    print(packageFindings());
  } finally {
    await node.stop();
  }
  return isWrong ? exitCodes.failed : exitCodes.fine;
}

/** Listens where the user wants to. If that fails, it listens on a free port, so that the node can still dial. */
async function listen(
  options: DoctorOptions,
): Promise<{ readonly node: Node; readonly ways: Ways; readonly findings: readonly Finding[] }> {
  const { node, ways } = createNode(options.port, options);
  try {
    await node.start();
    const own = node.addresses.filter((text) => !text.includes('/p2p-circuit'));
    const findings = own.map((text): Finding => {
      const { text: what, advice } = listeningLine(text);
      return { is: advice === undefined ? 'ok' : 'note', about: 'port', text: `a node ${what}`, advice };
    });
    return { node, ways, findings };
  } catch (error) {
    await node.stop();
    const isInUse = isPeerloomError(error) && error.code === 'ERR_ADDRESS_IN_USE';
    const advice = isInUse ? 'if it is your own node that runs there, this is as it should be' : undefined;
    const finding: Finding = {
      is: isInUse ? 'note' : 'wrong',
      about: 'port',
      text: messageOf(error),
      advice,
    };
    const isWithout = isPeerloomError(error) && error.code === 'ERR_TRANSPORT_UNAVAILABLE';
    const fallback = isWithout ? { ...options, ...noWays } : { ...options, host: '127.0.0.1' };
    const other = createNode(0, fallback);
    await other.node.start();
    return { ...other, findings: [isWithout ? { ...finding, about: 'package' } : finding] };
  }
}

const noWays = { addresses: [], relay: [], stun: [], dht: undefined } as const;

/** Creates a node with a new identity, because two processes must not use the same identity. */
function createNode(port: number, options: DoctorOptions): { readonly node: Node; readonly ways: Ways } {
  const { host, network, networkKey, addresses, relay } = options;
  try {
    // The servers of --stun are queried without WebRTC, so the node does not need it.
    const ways = waysTo(addresses, { ...options, relay, stun: [] });
    const { transports, discovery } = ways;
    const node = new Node(host, port, {
      name: 'peerloom doctor',
      network,
      networkKey,
      transports,
      ...(discovery.length > 0 && { discovery }),
    });
    return { node, ways };
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new WrongUse(error.message);
    throw error;
  }
}

function clockAlone(): Finding {
  const format = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'UTC' });
  const text = `it says ${format.format(systemRuntime.wallNow())} UTC, and there is nothing to compare it with`;
  return { is: 'note', about: 'clock', text, advice: 'name the address of a peer to compare it' };
}

function nobodyAsked(): Finding {
  const text = 'whether others can dial this machine, this machine alone cannot tell';
  const advice =
    'run peerloom doctor with the address of a peer here, and with the address of this machine on another one';
  return { is: 'note', about: 'reach', text, advice };
}
