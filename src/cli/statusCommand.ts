/** `uvs status`: what a running director does. */
import { DEFAULT_SOCKET, MAX_LISTED_CONNECTIONS } from '../api/socketPath.ts';
import { fetchStatus } from '../api/statusClient.ts';
import { integerOption, parseCommandLine } from './commandLine.ts';
import { statusText } from './statusText.ts';

const HELP = `Usage: uvs status [--json] [--connections N] [--socket PATH]

Services, real servers, interfaces and counters of a running director.

  --json            print everything as JSON
  --connections N   list up to N connections as well
  --socket PATH     the director's socket (default ${DEFAULT_SOCKET})
`;

/** Rejects with UvsError DIRECTOR_UNREACHABLE. */
export async function statusCommand(args: readonly string[]): Promise<number> {
  const { values, wantsHelp } = parseCommandLine(args, {
    name: 'uvs status',
    options: { json: { type: 'boolean' }, connections: { type: 'string' }, socket: { type: 'string' } },
    positionals: [],
  });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const connections = integerOption(values.connections ?? '0', '--connections', 0, MAX_LISTED_CONNECTIONS);
  const status = await fetchStatus(values.socket ?? DEFAULT_SOCKET, connections);
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(status, null, 2)}\n`);
    return 0;
  }
  const { loadCounterFacts } = await import('./counterFacts.ts');
  process.stdout.write(`${statusText(status, loadCounterFacts())}\n`);
  return 0;
}
