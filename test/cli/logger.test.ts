import { afterEach, expect, test, vi } from 'vitest';
import { createLogger } from '../../src/cli/logger.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What the log of a terminal gets. */
function linesOf(level: 'debug' | 'info' | 'silent', say: (log: ReturnType<typeof createLogger>) => void): string[] {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  say(createLogger(level, true));
  return write.mock.calls.map(([line]) => String(line));
}

test('a line on a terminal has the time, the message, and the level when it is not info', () => {
  const lines = linesOf('info', (log) => {
    log.info({ facts: 1 }, 'ready');
    log.warn({}, 'careful');
    log.debug({}, 'details');
  });
  expect(lines).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d ready\n$/),
    expect.stringMatching(/^\d\d:\d\d:\d\d warn: careful\n$/),
  ]);
});

test('an error brings its stack', () => {
  expect(linesOf('info', (log) => log.error({ err: new Error('no') }, 'failed')).join('')).toMatch(
    /error: failed\nError: no\n {4}at /,
  );
});

test('silent is silent', () => expect(linesOf('silent', (log) => log.error({}, 'failed'))).toEqual([]));
