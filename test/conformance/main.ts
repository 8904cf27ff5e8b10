/** `npm run -s conformance -- [DIR] [--filter TEXT] [--json] [--verbose]`: plays recordings of the real kernel against the engine. */
import { parseArgs } from 'node:util';
import { formatError, UvsError } from '../../src/base/errors.ts';
import { readDifferences } from './differences.ts';
import { playSource } from './playRecording.ts';
import { Report } from './report.ts';
import { DEFAULT_FOLDER, sourcesBelow } from './sources.ts';

const HELP = `npm run -s conformance -- [DIR] [options]

Plays every recording below DIR (*.json, or packs *.json.gz) against the engine; by default the project's own copy.

  --filter TEXT   only files whose name contains TEXT
  --json          one JSON object instead of text
  --verbose       every step, not only those that failed
  --all           every failure of a file, not only the first few
  --help          this text

Exit code: 0 = nothing failed, 1 = something did, 2 = the command line is wrong.`;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      filter: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (positionals.length > 1)
    throw new UvsError('USAGE', `unexpected argument "${positionals[1]}"`, { hint: 'One folder at most.' });
  const sources = sourcesBelow(positionals[0] ?? DEFAULT_FOLDER).filter(({ name }) => name.includes(values.filter));
  if (sources.length === 0)
    throw new UvsError('USAGE', `no recording has "${values.filter}" in its name`, { hint: 'Leave out --filter.' });
  const report = new Report({ ...values, differences: readDifferences(), say: console.log });
  for (const source of sources) report.add(await playSource(source));
  return report.end();
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UvsError || (error instanceof TypeError && 'code' in error);
  if (!isUsage) throw error;
  console.error(error instanceof UvsError ? formatError(error) : error.message);
  process.exitCode = 2;
}
