/** The log of a director, by pino, on stderr: plain lines on a terminal, one JSON object for each line elsewhere. */
import pino from 'pino';

/** What --log-level takes. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** @param isTerminal plain lines instead of JSON */
export function createLogger(level: LogLevel, isTerminal: boolean): pino.Logger {
  const options = { level, base: null, serializers: { err: pino.stdSerializers.err } };
  // Synchronous: the last words before an exit must not be lost.
  return isTerminal ? pino(options, { write: writePlainLine }) : pino(options, pino.destination({ dest: 2, sync: true }));
}

function writePlainLine(line: string): void {
  const { time, level, msg, err } = JSON.parse(line) as { time: number; level: number; msg: string; err?: { stack?: string } };
  const clock = new Date(time).toTimeString().slice(0, 8);
  const name = level === 30 ? '' : `${pino.levels.labels[level]}: `;
  process.stderr.write(`${clock} ${name}${msg}\n${err?.stack === undefined ? '' : `${err.stack}\n`}`);
}
