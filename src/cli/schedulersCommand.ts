/** `uvs schedulers`: what a service may give as its scheduler. */
import { SCHEDULERS } from '../scheduler/registry.ts';
import { parseCommandLine } from './commandLine.ts';

const HELP = `Usage: uvs schedulers

Lists the schedulers that a service may name, with their flags. docs/reference/schedulers.md says more of each.
`;

/** What the reader of configurations must know of the schedulers. */
export const SCHEDULER_NAMES = {
  schedulers: SCHEDULERS.map(({ name }) => name),
  schedulerFlags: Object.fromEntries(SCHEDULERS.map(({ name, flags }) => [name, flags])),
};

/** One line for each. */
export async function schedulersCommand(args: readonly string[]): Promise<number> {
  const { wantsHelp } = parseCommandLine(args, { name: 'uvs schedulers', options: {}, positionals: [] });
  const lines = SCHEDULERS.map(({ name, description, flags }) => {
    const withFlags = flags.length === 0 ? '' : ` (flags: ${flags.join(', ')})`;
    return `${name.padEnd(8)}${description}${withFlags}\n`;
  });
  process.stdout.write(wantsHelp ? HELP : lines.join(''));
  return 0;
}
