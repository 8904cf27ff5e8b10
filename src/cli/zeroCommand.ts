/** `uvs zero`: lets counters show what comes from now on. */
import { DEFAULT_SOCKET } from '../api/socketPath.ts';
import { zeroStatistics } from '../api/statusClient.ts';
import { formatAddress } from '../base/address.ts';
import { UvsError } from '../base/errors.ts';
import { parseEndpointText } from '../config/endpoints.ts';
import type { ServiceKey } from '../control/directorStatus.ts';
import { parseCommandLine } from './commandLine.ts';

const HELP = `Usage: uvs zero [--service SERVICE] [--socket PATH]

Sets the counters and rates of a running director to zero: what \`uvs status\` shows is counted from then on. Packets and
connections are not touched.

  --service SERVICE   this service and its real servers only, such as "tcp 10.0.0.100:80", "fwmark 7" or "fwmark 7 v6"
                      (default: every service, and the total)
  --socket PATH       the director's socket (default ${DEFAULT_SOCKET})
`;

const OPTIONS = { service: { type: 'string' }, socket: { type: 'string' } } as const;

/** Rejects with UvsError SERVICE_UNKNOWN or DIRECTOR_UNREACHABLE. */
export async function zeroCommand(args: readonly string[]): Promise<number> {
  const { values, wantsHelp } = parseCommandLine(args, { name: 'uvs zero', options: OPTIONS, positionals: [] });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const service = values.service === undefined ? undefined : parseService(values.service);
  await zeroStatistics(values.socket ?? DEFAULT_SOCKET, service);
  return 0;
}

/** @throws UvsError USAGE */
export function parseService(text: string): ServiceKey {
  const mark = /^fwmark (\d{1,10})( v[46])?$/.exec(text);
  if (mark !== null) return { firewallMark: Number(mark[1]), family: mark[2] === ' v6' ? 'v6' : 'v4' };
  const endpoint = parseEndpointText(text);
  if (endpoint?.protocol !== undefined && endpoint.port !== undefined) {
    return { protocol: endpoint.protocol, address: formatAddress(endpoint.address), port: endpoint.port };
  }
  throw new UvsError('USAGE', `"${text}" is no service`, {
    hint: 'Write it as `uvs status` does: "tcp 10.0.0.100:80", "fwmark 7".',
  });
}
