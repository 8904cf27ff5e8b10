/** `uvs io`: the host's interfaces, and how a director would attach to each of them. */
import { chooseIo, type IoChoice, type LinkCapabilities, PLAIN_CIRCUMSTANCES } from '../control/ioChoice.ts';
import type { LinkFacts } from '../network/hostNetwork.ts';
import { openHostNetwork } from '../network/netlinkNetwork.ts';
import { parseCommandLine } from './commandLine.ts';
import { linkCapabilities } from './linkCapabilities.ts';

const HELP = `Usage: uvs io [--json]

Lists the interfaces: state, MTU, driver (or kind, where software made it), receive queues, the offloads that
are on, and what \`uvs run --io auto\` would choose for each, and why. Needs no privileges.

XDP: what the driver takes: zerocopy, copy (frames are copied to the socket) or none; ? = the kernel does not say.
Offloads: csum = checksums are left to the device, tso = so is the cutting of super-frames, gro = received
segments are joined. A director whose services are all route or tunnel may get another choice; \`uvs run
--dry-run\` shows it.

  --json   print the same as JSON
`;

const TITLES = ['Interface', 'State', 'MTU', 'Driver', 'Queues', 'XDP', 'Offloads', 'I/O', 'Why'];
const RIGHT_ALIGNED = new Set(['MTU', 'Queues']);

/** One line for each interface. */
export async function ioCommand(args: readonly string[]): Promise<number> {
  const { values, wantsHelp } = parseCommandLine(args, {
    name: 'uvs io',
    options: { json: { type: 'boolean' } },
    positionals: [],
  });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const network = openHostNetwork();
  try {
    const circumstances = { ...PLAIN_CIRCUMSTANCES, capabilities: linkCapabilities };
    const rows = (await network.links()).map((link) => ({
      ...link,
      capabilities: linkCapabilities(link.name) ?? null,
      ...chooseIo(link, circumstances),
    }));
    process.stdout.write(values.json === true ? `${JSON.stringify(rows, null, 2)}\n` : tableText(rows));
  } finally {
    network.close();
  }
  return 0;
}

type InterfaceRow = LinkFacts & IoChoice & { readonly capabilities: LinkCapabilities | null };

/** Columns as wide as their widest cell. */
export function tableText(rows: readonly InterfaceRow[]): string {
  const cells = [TITLES, ...rows.map(rowCells)];
  const widths = TITLES.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      RIGHT_ALIGNED.has(TITLES[column]!) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
  return cells.map((row) => `${line(row).join('  ').trimEnd()}\n`).join('');
}

function rowCells({ name, isUp, mtu, driver, kind, capabilities, io, reason }: InterfaceRow): string[] {
  const offloads = capabilities === null ? '?' : offloadsText(capabilities);
  const queues = capabilities === null ? '?' : String(capabilities.receiveQueues);
  return [name, isUp ? 'up' : 'down', String(mtu), driver || kind || '-', queues, capabilities?.xdp ?? '?', offloads, io, reason];
}

function offloadsText({ txChecksum, tso, gro }: LinkCapabilities): string {
  const on = [txChecksum && 'csum', tso && 'tso', gro && 'gro'].filter((word) => word !== false);
  return on.length === 0 ? '-' : on.join(' ');
}
