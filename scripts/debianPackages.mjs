// The Debian packages that a purpose needs: which are missing, and installing those.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { capture, runQuietly, SetupFault } from './processes.mjs';
import { step } from './progress.mjs';

/**
 * package: what proves that it is there (a command, or an absolute path), what it is for, and who needs it:
 *   native  building the native helper
 *   demo    network namespaces of the demo
 *   test    the lab tests
 *   bench   the lab and latency suites of the bench: peers to compare with, tools that make and count load
 *   cap     the optional libpcap binding
 */
export const DEBIAN_PACKAGES = [
  { name: 'g++', proof: 'g++', use: 'compiles the native helper', neededBy: ['native'] },
  { name: 'make', proof: 'make', use: 'compiles the native helper', neededBy: ['native'] },
  {
    name: 'python3',
    proof: 'python3',
    use: 'node-gyp is written in it; reference answers of tests',
    neededBy: ['native', 'test'],
  },
  { name: 'iproute2', proof: 'ip', use: 'makes the network namespaces of demo and lab', neededBy: ['demo', 'test', 'bench'] },
  { name: 'curl', proof: 'curl', use: 'the client of the lab tests that is not ours', neededBy: ['test'] },
  { name: 'traceroute', proof: 'traceroute', use: 'shows the hops through a director in the lab tests', neededBy: ['test'] },
  {
    name: 'iputils-tracepath',
    proof: 'tracepath',
    use: 'shows the path MTU through a director in the lab tests',
    neededBy: ['test'],
  },
  {
    name: 'python3-pyftpdlib',
    proof: '/usr/lib/python3/dist-packages/pyftpdlib/servers.py',
    use: 'the FTP server of the lab tests',
    neededBy: ['test'],
  },
  { name: 'nftables', proof: 'nft', use: 'the kernel NAT that the bench compares with', neededBy: ['bench'] },
  { name: 'haproxy', proof: 'haproxy', use: 'a proxy that the bench compares with', neededBy: ['bench'] },
  { name: 'nginx', proof: 'nginx', use: 'a proxy that the bench compares with, and its web server', neededBy: ['bench'] },
  {
    name: 'libnginx-mod-stream',
    proof: '/usr/lib/nginx/modules/ngx_stream_module.so',
    use: 'makes nginx a TCP proxy',
    neededBy: ['bench'],
  },
  { name: 'wrk', proof: 'wrk', use: 'opens and counts connections in the bench', neededBy: ['bench'] },
  { name: 'iperf3', proof: 'iperf3', use: 'sends and counts bulk in the bench', neededBy: ['bench'] },
  { name: 'ethtool', proof: 'ethtool', use: 'turns offloads on and off in the bench', neededBy: ['bench'] },
  { name: 'libpcap-dev', proof: '/usr/include/pcap/pcap.h', use: 'headers of libpcap', neededBy: ['cap'] },
];

/** root's PATH without the sbin folders (su, some containers) still has the commands. */
const COMMAND_FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

function isPresent(proof) {
  if (proof.startsWith('/')) return existsSync(proof);
  return COMMAND_FOLDERS.some((folder) => folder !== '' && existsSync(join(folder, proof)));
}

/** @returns the rows of the table that `purposes` need and this machine lacks */
export function missingPackages(purposes) {
  return DEBIAN_PACKAGES.filter((row) => row.neededBy.some((purpose) => purposes.includes(purpose)) && !isPresent(row.proof));
}

/** apt without questions; a package list that is too old is fetched anew, once. */
async function aptInstall(names) {
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['install', '-y', '-q', '--no-install-recommends', ...names];
  if ((await capture('apt-get', install, options)).code === 0) return;
  await runQuietly('apt-get', ['update', '-q'], options);
  await runQuietly('apt-get', install, options);
}

/** Installs what `purposes` need and this machine lacks; without root or apt it says what to install. */
export async function ensureDebianPackages(purposes) {
  const missing = missingPackages(purposes);
  if (missing.length === 0) return;
  const names = missing.map((row) => row.name);
  if (process.getuid?.() !== 0 || !isPresent('apt-get')) {
    const uses = missing.map((row) => `  ${row.name}: ${row.use}`).join('\n');
    throw new SetupFault(`These packages are missing:\n${uses}\nAs root: apt-get update && apt-get install ${names.join(' ')}`);
  }
  await step(`Debian packages: ${names.join(' ')}`, () => aptInstall(names));
}
