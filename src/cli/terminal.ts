/** What every command says in the same way. */
import { readFileSync } from 'node:fs';
import { styleText } from 'node:util';
import { formatError, type UvsError } from '../base/errors.ts';

/** Both lines of an error on stderr, the first one red on a terminal. */
export function reportError(error: UvsError): void {
  const [first = '', ...others] = formatError(error).split('\n');
  const { stderr } = process;
  stderr.write(`${[styleText('red', first, { stream: stderr }), ...others].join('\n')}\n`);
}

/** Every fault, and how many there are. */
export function reportFaults(faults: readonly UvsError[]): void {
  for (const fault of faults) reportError(fault);
  process.stderr.write(`${countText(faults.length, 'fault')}\n`);
}

/** `1 service`, `2 services`. */
export function countText(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** Of the package that this file belongs to. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}
