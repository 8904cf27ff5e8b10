/** `uvs check FILE`: every fault of a configuration file, or that it has none. */
import { styleText } from 'node:util';
import type { UvsError } from '../base/errors.ts';
import { readConfigFile } from '../config/readConfig.ts';
import { parseCommandLine } from './commandLine.ts';
import { SCHEDULER_NAMES } from './schedulersCommand.ts';
import { countText, reportFaults } from './terminal.ts';

const HELP = `Usage: uvs check FILE [--json]

Reads a configuration file and reports all of its faults, each with its place.
Touches nothing. Exits with 0 when the file can be used, with 1 when it cannot.

  --json   print {"faults": [{code, message, hint, file, line, column}]}
`;

/** @returns 1 when the file has faults */
export async function checkCommand(args: readonly string[]): Promise<number> {
  const { values, positionals, wantsHelp } = parseCommandLine(args, {
    name: 'uvs check',
    options: { json: { type: 'boolean' } },
    positionals: ['FILE'],
  });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const file = positionals[0] ?? '';
  const { config, faults } = readConfigFile(file, SCHEDULER_NAMES);
  if (values.json === true) process.stdout.write(`${JSON.stringify({ faults: faults.map(plainFault) }, null, 2)}\n`);
  else if (config === undefined) reportFaults(faults);
  else {
    const realServers = config.services.reduce((sum, service) => sum + service.realServers.length, 0);
    const good = styleText('green', 'good', { stream: process.stdout });
    const counts = `${countText(config.services.length, 'service')} with ${countText(realServers, 'real server')}`;
    process.stdout.write(`${file}: ${good}, ${counts}\n`);
  }
  return config === undefined ? 1 : 0;
}

function plainFault({ code, message, hint, place }: UvsError): object {
  return { code, message, hint, ...place };
}
