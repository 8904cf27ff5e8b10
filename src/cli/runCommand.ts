/** `uvs run`: one director, in the foreground, until a signal ends it. */
import { readFileSync } from 'node:fs';
import { DEFAULT_SOCKET } from '../api/socketPath.ts';
import { UvsError } from '../base/errors.ts';
import { type ConfigOutcome, readConfigFile } from '../config/readConfig.ts';
import { IO_NAMES } from '../control/ioChoice.ts';
import { parseCommandLine, wordOption } from './commandLine.ts';
import { createLogger, LOG_LEVELS } from './logger.ts';
import { SCHEDULER_NAMES } from './schedulersCommand.ts';
import { readVersion, reportFaults } from './terminal.ts';

const HELP = `Usage: uvs run --config FILE [--io IO] [--socket PATH] [--log-level LEVEL] [--dry-run]

Runs a director in the foreground. SIGHUP reads the file again, SIGINT and SIGTERM end it.

  -c, --config FILE   the configuration (docs/reference/config.md)
  --io IO             how to attach to the interfaces (default auto)
                        auto    the best that works, for each interface; the log says which and why
                        xdp     AF_XDP
                        packet  AF_PACKET rings
                        tun     TUN devices of its own, named in the configuration
  --socket PATH       where \`uvs status\` asks (default ${DEFAULT_SOCKET})
  --log-level LEVEL   ${LOG_LEVELS.join(', ')} (default info)
  --dry-run           print the interfaces and the actions, and end
`;

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  io: { type: 'string' },
  socket: { type: 'string' },
  'log-level': { type: 'string' },
  'dry-run': { type: 'boolean' },
} as const;

/** Bits of the effective capabilities without which no frame can be moved: CAP_NET_ADMIN and CAP_NET_RAW. */
const NEEDED_CAPABILITIES = (1n << 12n) | (1n << 13n);

/** @returns when the director has ended */
export async function runCommand(args: readonly string[]): Promise<number> {
  const { values, wantsHelp } = parseCommandLine(args, { name: 'uvs run', options: OPTIONS, positionals: [] });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const io = wordOption(values.io ?? 'auto', '--io', IO_NAMES);
  const level = wordOption(values['log-level'] ?? 'info', '--log-level', LOG_LEVELS);
  const configFile = values.config;
  if (configFile === undefined) {
    throw new UvsError('USAGE', 'uvs run: --config is missing', { hint: 'Write `uvs run --config FILE`; examples/ has some.' });
  }
  const readConfig = (): ConfigOutcome => readConfigFile(configFile, SCHEDULER_NAMES);
  const { config, faults } = readConfig();
  if (config === undefined) {
    reportFaults(faults);
    return 1;
  }
  if (process.platform !== 'linux')
    throw new UvsError('NOT_LINUX', `${process.platform} has no packet sockets that a director can use`);
  const { openHostNetwork } = await import('../network/netlinkNetwork.ts');
  const network = openHostNetwork();
  try {
    if (values['dry-run'] === true) {
      const { dryRunText } = await import('./dryRun.ts');
      process.stdout.write(`${await dryRunText(config, io, network)}\n`);
      return 0;
    }
    checkPrivileges();
    const { runDirector } = await import('./runDirector.ts');
    const { startDataPlane } = await import('../dataplane/handle.ts');
    const log = createLogger(level, process.stderr.isTTY);
    const socketPath = values.socket ?? DEFAULT_SOCKET;
    return await runDirector({
      config,
      configFile,
      readConfig,
      io,
      socketPath,
      network,
      startDataPlane,
      log,
      version: readVersion(),
      signals: process,
    });
  } finally {
    network.close();
  }
}

/** Said before anything is started, for what fails otherwise says less. */
function checkPrivileges(): void {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  const capabilities = line === undefined ? 0n : BigInt(`0x${line}`);
  if ((capabilities & NEEDED_CAPABILITIES) === NEEDED_CAPABILITIES) return;
  throw new UvsError('NOT_ROOT', 'a director needs the privileges of root (CAP_NET_ADMIN and CAP_NET_RAW)');
}
