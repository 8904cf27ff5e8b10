/** `uvs run`: one director, in the foreground, until a signal ends it. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { DEFAULT_SOCKET } from '../api/socketPath.ts';
import { UvsError } from '../base/errors.ts';
import { type ConfigOutcome, parseConfig, readConfigFile } from '../config/readConfig.ts';
import { IO_NAMES } from '../control/ioChoice.ts';
import { integerOption, parseCommandLine, wordOption } from './commandLine.ts';
import { createLogger, LOG_LEVELS } from './logger.ts';
import type { ThreadOptions } from './runDirector.ts';
import { SCHEDULER_NAMES } from './schedulersCommand.ts';
import { readVersion, reportFaults } from './terminal.ts';

const HELP = `Usage: uvs run {--config FILE | --interface NAME ...} [--io IO] [--spin|--block] [--workers N|auto] [--cpus LIST]
               [--no-warm-up] [--socket PATH] [--log-level LEVEL] [--dry-run]

Runs a director in the foreground. SIGHUP reads the file again, SIGINT and SIGTERM end it.

  -c, --config FILE   the configuration (docs/reference/config.md)
  -i, --interface NAME  attach to this interface, given once for each; without a configuration the director begins with no
                      services, for uvsadm to add; with one, instead of the interfaces that it names
  --io IO             how to attach to the interfaces (default auto)
                        auto    the best that works, for each interface; the log says which and why
                        xdp     AF_XDP
                        packet  AF_PACKET rings
                        tun     TUN devices of its own, named by --interface or in the configuration
  --spin              never sleep: the lowest latency, at the price of a whole core per worker
  --block             sleep whenever there is nothing to do: for a core that is shared with others
                        (default: ask on for 50 microseconds after the last frame, then sleep)
  --workers N|auto    threads that share the traffic (default 1); auto leaves one core to the rest of the machine.
                        By packet and tun the kernel chooses the worker by the client; by xdp the network card does,
                        one receive queue or more for each, and masq needs --workers 1
  --cpus LIST         processors that the workers run on, such as 1,2 (default: any)
  --no-warm-up        take frames at once, two or three seconds sooner; until the code has met its work, each takes longer
  --socket PATH       where \`uvs status\` and \`uvsadm\` ask (default ${DEFAULT_SOCKET})
  --log-level LEVEL   ${LOG_LEVELS.join(', ')} (default info)
  --dry-run           print the interfaces and the actions, and end
`;

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  interface: { type: 'string', short: 'i', multiple: true },
  io: { type: 'string' },
  spin: { type: 'boolean' },
  block: { type: 'boolean' },
  workers: { type: 'string' },
  cpus: { type: 'string' },
  'no-warm-up': { type: 'boolean' },
  socket: { type: 'string' },
  'log-level': { type: 'string' },
  'dry-run': { type: 'boolean' },
} as const;

/** Bits of the effective capabilities without which no frame can be moved: CAP_NET_ADMIN and CAP_NET_RAW. */
const NEEDED_CAPABILITIES = (1n << 12n) | (1n << 13n);

/** Of a director that is started without a configuration. */
const NO_SERVICES = 'services: []';

const MAX_CPU = 1023;
const MAX_WORKERS = 64;

/** @returns when the director has ended */
export async function runCommand(args: readonly string[]): Promise<number> {
  const { values, wantsHelp } = parseCommandLine(args, { name: 'uvs run', options: OPTIONS, positionals: [] });
  if (wantsHelp) {
    process.stdout.write(HELP);
    return 0;
  }
  const io = wordOption(values.io ?? 'auto', '--io', IO_NAMES);
  const level = wordOption(values['log-level'] ?? 'info', '--log-level', LOG_LEVELS);
  const threads = threadOptions(values);
  const readConfig = configReader(values.config, values.interface ?? []);
  const { config, faults } = readConfig();
  if (config === undefined) {
    reportFaults(faults);
    return 1;
  }
  if (process.platform !== 'linux')
    throw new UvsError('NOT_LINUX', `${process.platform} has no packet sockets that a director can use`);
  const { openHostNetwork } = await import('../network/netlinkNetwork.ts');
  const network = openHostNetwork();
  const { linkCapabilities } = await import('./linkCapabilities.ts');
  const { circumstances, runDirector } = await import('./runDirector.ts');
  try {
    if (values['dry-run'] === true) {
      const { dryRunText } = await import('./dryRun.ts');
      const decides = circumstances(config, threads.workers, linkCapabilities);
      process.stdout.write(`${await dryRunText(config, io, network, decides)}\n`);
      return 0;
    }
    checkPrivileges();
    const { startDataPlane } = await import('../dataplane/handle.ts');
    const log = createLogger(level, process.stderr.isTTY);
    const socketPath = values.socket ?? DEFAULT_SOCKET;
    return await runDirector({
      config,
      configFile: values.config,
      readConfig,
      io,
      threads,
      capabilities: linkCapabilities,
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

/** @param interfaces instead of those that the configuration names, if there are any @throws UvsError USAGE when there is neither */
export function configReader(configFile: string | undefined, interfaces: readonly string[]): () => ConfigOutcome {
  if (configFile === undefined && interfaces.length === 0) {
    throw new UvsError('USAGE', 'uvs run: --config is missing', {
      hint: 'Write `uvs run --config FILE`; examples/ has some. Or `uvs run --interface NAME`, and add services with uvsadm.',
    });
  }
  return () => {
    const outcome =
      configFile === undefined
        ? parseConfig(NO_SERVICES, 'no file', SCHEDULER_NAMES)
        : readConfigFile(configFile, SCHEDULER_NAMES);
    if (outcome.config === undefined || interfaces.length === 0) return outcome;
    return { ...outcome, config: { ...outcome.config, interfaces } };
  };
}

/** What the options say of the worker threads. @throws UvsError USAGE */
export function threadOptions(values: {
  readonly spin?: boolean | undefined;
  readonly block?: boolean | undefined;
  readonly workers?: string | undefined;
  readonly cpus?: string | undefined;
  readonly 'no-warm-up'?: boolean | undefined;
}): ThreadOptions {
  if (values.spin === true && values.block === true) {
    throw new UvsError('USAGE', 'uvs run: --spin and --block contradict each other', { hint: 'Give one of them, or neither.' });
  }
  const idle = values.spin === true ? 'spin' : values.block === true ? 'block' : 'adaptive';
  const cpus = values.cpus?.split(',').map((cpu) => integerOption(cpu, '--cpus', 0, MAX_CPU));
  const cores = cpus?.length ?? availableParallelism();
  const automatic = Math.min(MAX_WORKERS, Math.max(1, cpus === undefined ? cores - 1 : cores));
  const workers = values.workers === 'auto' ? automatic : integerOption(values.workers ?? '1', '--workers', 1, MAX_WORKERS);
  const warmUp = values['no-warm-up'] !== true;
  return { idle, workers, warmUp, ...(cpus === undefined ? {} : { cpus }) };
}

/** Said before anything is started, for what fails otherwise says less. */
function checkPrivileges(): void {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  const capabilities = line === undefined ? 0n : BigInt(`0x${line}`);
  if ((capabilities & NEEDED_CAPABILITIES) === NEEDED_CAPABILITIES) return;
  throw new UvsError('NOT_ROOT', 'a director needs the privileges of root (CAP_NET_ADMIN and CAP_NET_RAW)');
}
