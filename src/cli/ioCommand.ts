/** `uvs io`: the host's interfaces, and how a director would attach to each of them. */
import { chooseIo } from '../control/ioChoice.ts';
import { openHostNetwork } from '../network/netlinkNetwork.ts';
import { parseCommandLine } from './commandLine.ts';

const HELP = `Usage: uvs io [--json]

Lists the interfaces: state, MTU, driver (or kind, where software made it), and what \`uvs run --io auto\`
would choose for each, and why. Needs no privileges.

  --json   print the same as JSON
`;

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
    const rows = (await network.links()).map((link) => ({ ...link, ...chooseIo(link) }));
    if (values.json === true) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else {
      const width = Math.max(9, ...rows.map(({ name }) => name.length));
      const line = (...cells: string[]) =>
        `${cells[0]!.padEnd(width)}  ${cells[1]!.padEnd(5)}  ${cells[2]!.padStart(5)}  ${cells[3]!.padEnd(12)}  ${cells[4]!.padEnd(6)}  ${cells[5]}\n`;
      process.stdout.write(line('Interface', 'State', 'MTU', 'Driver', 'I/O', 'Why'));
      for (const { name, isUp, mtu, driver, kind, io, reason } of rows) {
        process.stdout.write(line(name, isUp ? 'up' : 'down', String(mtu), driver || kind || '-', io, reason));
      }
    }
  } finally {
    network.close();
  }
  return 0;
}
