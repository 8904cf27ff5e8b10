import { describe, expect, test } from 'vitest';
import { integerOption, parseCommandLine, wordOption } from '../../src/cli/commandLine.ts';

const SYNTAX = {
  name: 'uvs test',
  options: { config: { type: 'string', short: 'c' }, json: { type: 'boolean' } },
  positionals: ['FILE'],
} as const;

describe('a command line', () => {
  test('gives options and arguments', () => {
    const { values, positionals, wantsHelp } = parseCommandLine(['-c', 'a.yaml', 'FILE', '--json'], SYNTAX);
    expect([values.config, values.json, positionals, wantsHelp]).toEqual(['a.yaml', true, ['FILE'], false]);
  });

  test('asks for help even when something is missing', () => expect(parseCommandLine(['-h'], SYNTAX).wantsHelp).toBe(true));

  const WRONG = [
    [['--conifg', 'x', 'f'], 'uvs test: unknown option --conifg', 'Did you mean --config?'],
    [['--frobnicate', 'f'], 'uvs test: unknown option --frobnicate', 'Run `uvs test --help`.'],
    [['-x', 'f'], 'uvs test: unknown option -x', 'Run `uvs test --help`.'],
    [[], 'uvs test: FILE is missing', 'Run `uvs test --help`.'],
    [['f', 'g'], 'uvs test: unexpected argument "g"', 'Run `uvs test --help`.'],
    [['f', '--config'], "uvs test: option '-c, --config <value>' argument missing", 'Run `uvs test --help`.'],
    [['f', '--json=yes'], "uvs test: option '--json' does not take an argument", 'Run `uvs test --help`.'],
  ] as const;
  test.each(WRONG)('%j is refused', (args, message, hint) => {
    expect(() => parseCommandLine(args, SYNTAX)).toThrow(expect.objectContaining({ code: 'USAGE', message, hint }));
  });
});

describe('the value of an option', () => {
  test('is an integer in its range', () => expect(integerOption('5', '--n', 0, 5)).toBe(5));
  test.each(['6', '-1', '', '1.5', 'x', '0x1'])('"%s" is none from 0 to 5', (text) => {
    expect(() => integerOption(text, '--n', 0, 5)).toThrow(`--n takes an integer from 0 to 5, not "${text}"`);
  });

  test('is one of some words', () => expect(wordOption('xdp', '--io', ['auto', 'xdp'])).toBe('xdp'));
  test('that is none of them suggests the nearest', () => {
    expect(() => wordOption('xpd', '--io', ['auto', 'xdp'])).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: 'Did you mean xdp?' }),
    );
  });
});
