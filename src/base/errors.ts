/**
 * What is said when a person is wrong: a code to look up, a sentence, a hint, and the place when there is one.
 * docs/errors.md lists every code; a test compares the two. Bad packets never come here: they are counted drops.
 */

/** Where a fault stands in a file; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** Code -> the hint that is given when the thrower has no better one. */
export const ERROR_HINTS = {
  CONFIG_UNREADABLE: 'Check the path and its permissions.',
  CONFIG_SYNTAX: 'The file must be YAML; check indentation and quotes at that place.',
  CONFIG_INVALID: 'docs/reference/config.md lists every key with its range.',
  CONFIG_UNKNOWN_KEY: 'docs/reference/config.md lists every key.',
  SETTING_INVALID: 'docs/reference/settings.md lists every setting with its range.',
  SCHEDULER_UNKNOWN: 'List schedulers with `uvs schedulers`.',
  USAGE: 'Run `uvs --help`.',
  NOT_ROOT: 'Run as root, or `npm start -- --sim` for the lab without privileges.',
  NOT_LINUX: 'Real frames need Linux; `npm start -- --sim` runs anywhere.',
  TOOL_MISSING: 'Install the Debian package that carries it.',
  NATIVE_MISSING: 'Build the native helper with `npm run build:native`.',
  INTERFACE_UNKNOWN: 'List interfaces with `ip -br link`.',
  INTERFACE_UNSUITABLE: 'Choose another interface or another --io.',
  PORT_OPEN_FAILED: 'Try another --io; `uvs run --help` lists them.',
  CAPTURE_INVALID: 'The file must be a pcap or pcapng capture; `tcpdump -w FILE` writes one.',
  KERNEL_REFUSED: 'The kernel refused; the message names the call.',
  ROUTE_MISSING: 'Add a route, or name the interface in the configuration.',
  SOCKET_IN_USE: 'Another director runs with this socket; stop it or pass --socket.',
  DIRECTOR_UNREACHABLE: 'Start a director with `uvs run`, or pass its --socket.',
  LAB_FAILED: 'Run `uvs lab down` and try again; --verbose shows each step.',
  CAPACITY_EXCEEDED: 'Raise the limit in the `limits` section of the configuration.',
  SERVICE_EXISTS: 'Each virtual service is listed once.',
  SERVICE_UNKNOWN: 'List services with `uvs status`.',
  DESTINATION_EXISTS: 'Each real server is listed once per service.',
  DESTINATION_UNKNOWN: 'List real servers with `uvs status`.',
} as const;
export type ErrorCode = keyof typeof ERROR_HINTS;

export interface UvsErrorDetails {
  readonly place?: Place;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An error for a person: `place: message [CODE]` and, on a line of its own, the thing to do next. */
export class UvsError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly place: Place | undefined;

  constructor(code: ErrorCode, message: string, details: UvsErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'UvsError';
    this.code = code;
    this.hint = details.hint ?? ERROR_HINTS[code];
    this.place = details.place;
  }
}

/** `web.yaml:14:3`, with as much of it as is known. */
export function formatPlace(place: Place): string {
  const line = place.line === undefined ? '' : `:${place.line}`;
  return place.file + line + (place.line === undefined || place.column === undefined ? '' : `:${place.column}`);
}

/** The two lines that a person sees. */
export function formatError(error: UvsError): string {
  const where = error.place === undefined ? '' : `${formatPlace(error.place)}: `;
  return `${where}${error.message} [${error.code}]\n  ${error.hint}`;
}
