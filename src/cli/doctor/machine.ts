import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { type HostScope, scopeOf } from '../../base/host-scope.ts';
import type { Finding } from './finding.ts';

const packageFile = new URL('../../../package.json', import.meta.url);

/** The purpose of an optional package. */
function useOf(name: string): string {
  if (name === '@napi-rs/lzma') return "compression 'lzma'";
  return name === 'multicast-dns' ? 'mdns(), and peerloom node --mdns' : 'libp2p()';
}

/** Names the runtime. It is always new enough, because the program does not start on an older one. */
export function runtimeFinding(): Finding {
  const { version, engines } = packageJson();
  const text = `${process.version} on ${process.platform} ${process.arch}; peerloom ${version} needs ${engines.node}`;
  return { is: 'ok', about: 'Node.js', text };
}

/** Checks the optional packages: for each use, whether all packages that it needs are installed. */
export function packageFindings(): readonly Finding[] {
  const { peerDependencies } = packageJson();
  const { resolve } = createRequire(packageFile);
  const names = Object.keys(peerDependencies);
  return Object.entries(Object.groupBy(names, useOf)).map(([use, needed = []]): Finding => {
    const missing = needed.filter((name) => !isThere(() => resolve(name)));
    if (missing.length === 0) {
      const what = needed.length === 1 ? `${needed[0]} is` : `all ${needed.length} packages are`;
      return { is: 'ok', about: 'package', text: `${what} installed, for ${use}` };
    }
    const command = `npm install ${missing.map((name) => `${name}@${peerDependencies[name]}`).join(' ')}`;
    const text = `not installed, for ${use}: ${missing.join(', ')}`;
    return { is: 'note', about: 'package', text, advice: `only if you need it: ${command}` };
  });
}

/** Whether a host is one of this machine's addresses. */
export function hasAddress(host: string): boolean {
  return Object.values(networkInterfaces()).some((all = []) => all.some(({ address }) => address === host));
}

/** Lists the addresses of this machine, and who can dial them. */
export function addressFindings(interfaces = networkInterfaces()): readonly Finding[] {
  const own = Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    addresses.filter(({ internal }) => !internal).map((address) => ({ name, ...address })),
  );
  const usable = own.filter(({ address }) => !/^fe[89ab]/i.test(address));
  if (usable.length === 0) {
    const text = 'this machine has no address but loopback: it is not in a network';
    return [{ is: 'wrong', about: 'address', text, advice: 'connect it to a network' }];
  }
  return [...usable.map(addressFinding), ipv6Finding(usable)];
}

function addressFinding({ name, address }: NetworkInterfaceInfo & { readonly name: string }): Finding {
  const scope = scopeOf(address);
  const { text, advice } = reach[scope];
  return {
    is: advice === undefined ? 'ok' : 'note',
    about: 'address',
    text: `${address} (${name}): ${text}`,
    advice,
  };
}

const reach: Readonly<Record<HostScope, { readonly text: string; readonly advice?: string }>> = {
  public: { text: 'public: every machine can dial it, if no firewall is in the way' },
  private: {
    text: 'private: machines in the same network or VPN can dial it',
    advice: 'for others, forward the port at the router: docs/deployment.md',
  },
  loopback: { text: 'this machine only' },
  name: { text: 'it is not known who can dial it' },
  nowhere: { text: 'nobody can dial it' },
};

function ipv6Finding(own: readonly NetworkInterfaceInfo[]): Finding {
  const isThere = own.some(({ family, address }) => family === 'IPv6' && scopeOf(address) === 'public');
  if (isThere)
    return { is: 'ok', about: 'IPv6', text: "there is a public address: listen on '::' to use it" };
  const text = 'there is no public IPv6 address: nodes that have only IPv6 cannot be reached';
  return { is: 'note', about: 'IPv6', text };
}

function packageJson(): {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly peerDependencies: Readonly<Record<string, string>>;
} {
  return JSON.parse(readFileSync(packageFile, 'utf8'));
}

function isThere(resolve: () => unknown): boolean {
  try {
    resolve();
    return true;
  } catch {
    return false;
  }
}
