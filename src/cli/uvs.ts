/**
 * The command `uvs`. Loads the file of a command only when it is asked for. No other file may import this one: they are loaded while
 * it waits for them.
 */
import { UvsError } from '../base/errors.ts';
import { nearestName } from '../config/nearestName.ts';
import { readVersion, reportError } from './terminal.ts';

/** Takes the arguments behind its name. @returns the exit code */
type Command = (args: string[]) => Promise<number>;

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  run: { summary: 'run a director', load: async () => (await import('./runCommand.ts')).runCommand },
  check: { summary: 'check a configuration file', load: async () => (await import('./checkCommand.ts')).checkCommand },
  status: {
    summary: 'services, real servers and counters of a running director',
    load: async () => (await import('./statusCommand.ts')).statusCommand,
  },
  settings: {
    summary: 'run-time settings of a running director, shown and changed',
    load: async () => (await import('./settingsCommand.ts')).settingsCommand,
  },
  zero: {
    summary: 'set the counters of a running director to zero',
    load: async () => (await import('./zeroCommand.ts')).zeroCommand,
  },
  schedulers: { summary: 'list the schedulers', load: async () => (await import('./schedulersCommand.ts')).schedulersCommand },
  io: {
    summary: 'list interfaces, and how a director would attach to them',
    load: async () => (await import('./ioCommand.ts')).ioCommand,
  },
  lab: {
    summary: 'clients, director and real servers in network namespaces',
    load: async () => (await import('./labCommand.ts')).labCommand,
  },
  demo: { summary: 'a lab that shows a director at work', load: async () => (await import('./demoCommand.ts')).demoCommand },
};

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** @returns the exit code: 0 done, 1 failed, 2 the command line was wrong */
export async function main(args: readonly string[]): Promise<number> {
  const [name = '--help', ...rest] = args;
  try {
    if (name === '--version' || name === '-V') return say(`uvs ${readVersion()}`);
    if (name === '--help' || name === '-h') return say(help());
    if (name === 'help') return rest[0] === undefined ? say(help()) : await (await commandNamed(rest[0]))(['--help']);
    return await (await commandNamed(name))(rest);
  } catch (error) {
    if (!(error instanceof UvsError)) throw error;
    reportError(error);
    return error.code === 'USAGE' ? EXIT_USAGE : EXIT_FAILED;
  }
}

async function commandNamed(name: string): Promise<Command> {
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry !== undefined) return entry.load();
  const near = nearestName(name, Object.keys(COMMANDS));
  const what = name.startsWith('-') ? `unknown option ${name}` : `no command "${name}"`;
  throw new UvsError('USAGE', what, near === undefined ? {} : { hint: `Did you mean uvs ${near}?` });
}

function help(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`);
  return [
    'uvs: Linux Virtual Server in user space',
    '',
    'Usage: uvs COMMAND [OPTIONS]',
    '',
    ...lines,
    '',
    '  --version   print the version',
    '  --help      this text; `uvs COMMAND --help` for a command',
  ].join('\n');
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
