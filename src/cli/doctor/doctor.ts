import { messageOf } from '../../base/arguments.ts';
import { isPeerloomError } from '../../base/errors.ts';
import { systemRuntime } from '../../base/runtime.ts';
import { listeningLine } from '../../node/explain/explain-self.ts';
import { Node } from '../../node/node.ts';
import { exitCodes, WrongUse } from '../failure.ts';
import { type Finding, findingText } from './finding.ts';
import { clockByFile, type GivenFile, identityFindings } from './identity-file.ts';
import { addressFindings, packageFindings, runtimeFinding } from './machine.ts';
import { peerFindings } from './peers.ts';

export interface DoctorOptions {
  /** Where to try to listen. */
  readonly host: string;
  readonly port: number;
  /** Of peers to dial. */
  readonly addresses: readonly string[];
  readonly identity: GivenFile | undefined;
  readonly network: string | undefined;
  readonly networkKey: string | undefined;
  readonly json: boolean;
}

/**
 * Prints what is true of this machine, and what to do, one finding after the other.
 *
 * @returns the exit code: failure if something is wrong.
 */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const { addresses, identity, json } = options;
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
  const { node, findings } = await listen(options);
  try {
    print(findings);
    for (const address of addresses) print(await peerFindings(node, address));
    if (addresses.length === 0) print([clockAlone(), nobodyAsked()]);
    print(packageFindings());
  } finally {
    await node.stop();
  }
  return isWrong ? exitCodes.failed : exitCodes.fine;
}

/** Listens where the user wants to, or else anywhere: the node still dials. */
async function listen(
  options: DoctorOptions,
): Promise<{ readonly node: Node; readonly findings: readonly Finding[] }> {
  const node = createNode(options.port, options);
  try {
    await node.start();
    const findings = node.addresses.map((text): Finding => {
      const { text: what, advice } = listeningLine(text);
      return { is: advice === undefined ? 'ok' : 'note', about: 'port', text: `a node ${what}`, advice };
    });
    return { node, findings };
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
    const other = createNode(0, { ...options, host: '127.0.0.1' });
    await other.start();
    return { node: other, findings: [finding] };
  }
}

/** With an identity of its own: two processes must not use one. */
function createNode(port: number, { host, network, networkKey }: DoctorOptions): Node {
  try {
    return new Node(host, port, { name: 'peerloom doctor', network, networkKey });
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
