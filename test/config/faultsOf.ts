/** What a person is told of a faulty configuration. */
import { formatError } from '../../src/base/errors.ts';
import { parseConfig } from '../../src/config/readConfig.ts';

export const SCHEDULERS = { schedulers: ['rr', 'wrr', 'wlc', 'sh'], schedulerFlags: { sh: ['sh-fallback', 'sh-port'] } };

/** `line:column: message [CODE]` and `  hint` lines. */
export function faultsOf(text: string): string {
  const { faults } = parseConfig(text, 'f', SCHEDULERS);
  return faults.map((fault) => formatError(fault).replace(/^f:/, '')).join('\n');
}
