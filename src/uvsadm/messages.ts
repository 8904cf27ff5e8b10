/**
 * What ipvsadm 1.31 says on standard error, word for word, for scripts compare it. docs: specs/ipvs.md sections 1.3 and 8.4; recorded
 * in test/golden/ipvs, B_ipvsadm.
 */
import { ExitCode, Refusal } from './command.ts';

/** A value or a combination is wrong. */
export function usage(message: string): Refusal {
  return new Refusal(ExitCode.usage, message);
}

/** No command, or one that is not understood. @param program as it was called: the message follows the name */
export function tryHelp(program: string): Refusal {
  return new Refusal(ExitCode.refused, `Try \`${program} -h' or '${program} --help' for more information.`);
}

/** What `tryHelp` makes: it ends a restore. */
export function isTryHelp({ message }: Refusal): boolean {
  return message.startsWith('Try `');
}

/** @param typed the argument as it stands on the command line */
export function unknownOption(typed: string): Refusal {
  return new Refusal(ExitCode.refused, `${typed}: unknown option`);
}

export function missingArgument(typed: string): Refusal {
  return new Refusal(ExitCode.refused, `${typed}: missing argument`);
}

/** `--numeric=yes`, `-n=`. */
export function unwantedArgument(typed: string): Refusal {
  return new Refusal(ExitCode.refused, `${typed}: option does not take an argument`);
}

/** A second command. */
export function invalidOption(typed: string): Refusal {
  return usage(`invalid option \`${typed}'`);
}

export function illegal(what: string): Refusal {
  return usage(`illegal ${what} specified`);
}

/** With the offending text in quotes. */
export function invalid(what: string, text: string): Refusal {
  return usage(`invalid ${what} \`${text}' specified`);
}

/** The kernel's refusals, by what ipvsadm makes of each error number. */
export const KernelError = {
  serviceExists: 'Service already exists',
  schedulerUnknown: 'Scheduler or persistence engine not found',
  noSuchService: 'No such service',
  serviceNotDefined: 'Service not defined',
  destinationExists: 'Destination already exists',
  noSuchDestination: 'No such destination',
  daemonRuns: 'Daemon has already run',
  noDaemon: 'No daemon is running',
  noDevice: 'No such device',
  notPermitted: 'Permission denied (you must be root)',
  invalid: 'Invalid operation.  Possibly wrong module version, address not unicast, ...',
  outOfRange: 'Numerical result out of range',
  noMemory: 'Memory allocation problem',
} as const;
export type KernelError = (typeof KernelError)[keyof typeof KernelError];

/** @param exitCode 255, but 1 for a listing */
export function kernelRefusal(error: KernelError, exitCode: ExitCode = ExitCode.refused): Refusal {
  return new Refusal(exitCode, error);
}
