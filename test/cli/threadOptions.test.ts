import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { threadOptions } from '../../src/cli/runCommand.ts';

const CASES = [
  ['nothing', {}, { idle: 'adaptive', workers: 1, warmUp: true }],
  ['--spin', { spin: true }, { idle: 'spin', workers: 1, warmUp: true }],
  ['--no-warm-up', { 'no-warm-up': true }, { idle: 'adaptive', workers: 1, warmUp: false }],
  ['--block --workers 3', { block: true, workers: '3' }, { idle: 'block', workers: 3, warmUp: true }],
  ['--cpus 1,2 --workers auto', { cpus: '1,2', workers: 'auto' }, { idle: 'adaptive', workers: 2, warmUp: true, cpus: [1, 2] }],
  ['--workers auto', { workers: 'auto' }, { idle: 'adaptive', workers: Math.max(1, availableParallelism() - 1), warmUp: true }],
] as const;

describe('the options of threads', () => {
  test.each(CASES)('%s', (_name, values, options) => expect(threadOptions(values)).toEqual(options));

  test.each([{ spin: true, block: true }, { workers: '0' }, { workers: 'many' }, { cpus: '1,,2' }, { cpus: '' }])(
    'not %o',
    (values) => expect(() => threadOptions(values)).toThrowError(expect.objectContaining({ code: 'USAGE' })),
  );
});
