/** The command line of the bench, and what set-up must provide for it. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HELP, parseArguments, SUITE_NAMES } from '../../bench/arguments.ts';

describe('the arguments of the bench', () => {
  const DEFAULTS = { suites: SUITE_NAMES, quick: false, help: false, peers: [], json: undefined, html: undefined };
  const RIGHT = [
    // name                                        arguments                              differs from the defaults in
    ['nothing means all suites', [], {}],
    ['all means all suites', ['all'], {}],
    ['one suite', ['micro'], { suites: ['micro'] }],
    ['several run in the fixed order', ['lab', 'micro'], { suites: ['micro', 'lab'] }],
    ['a suite twice runs once', ['micro', 'micro'], { suites: ['micro'] }],
    ['--quick', ['micro', '--quick'], { suites: ['micro'], quick: true }],
    ['--json with a space', ['--json', 'a.json'], { json: 'a.json' }],
    ['--json with =', ['--json=a=b.json'], { json: 'a=b.json' }],
    ['--html', ['--html', 'a.html'], { html: 'a.html' }],
    ['--peers', ['lab', '--peers', 'nft jhash, uvs'], { suites: ['lab'], peers: ['nft jhash', 'uvs'] }],
    ['-h', ['-h'], { help: true }],
  ] as const;
  test.each(RIGHT)('%s', (_name, args, differences) => {
    expect(parseArguments(args)).toEqual({ ...DEFAULTS, ...differences });
  });

  const WRONG = [
    // name                                arguments                says
    ['an unknown suite', ['macro'], 'no suite macro'],
    ['an unknown option', ['--fast'], 'no option --fast'],
    ['--json without a file', ['--json'], '--json needs a file'],
    ['--json before another option', ['--json', '--quick'], '--json needs a file'],
    ['--html with an empty file', ['--html='], '--html needs a file'],
    ['--peers without names', ['--peers'], '--peers needs names'],
    ['--quick with a value', ['--quick=yes'], '--quick takes no value'],
  ] as const;
  test.each(WRONG)('%s is refused', (_name, args, says) => {
    expect(parseArguments(args)).toContain(says);
  });

  test('the help names every suite', () => {
    for (const name of SUITE_NAMES) expect(HELP).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });
});

describe('set-up for the bench', async () => {
  const path = join(import.meta.dirname, '..', '..', 'scripts', 'benchNeeds.mjs');
  const { benchNeeds } = (await import(path)) as { benchNeeds: (args: readonly string[], isRoot: boolean) => object };
  const CASES = [
    // name                                       arguments             root   options of setUp
    ['help needs nothing', ['--help'], true, { native: 'unneeded' }],
    ['micro needs no packages', ['micro'], true, { native: 'wanted' }],
    ['the lab needs packages', ['lab'], true, { purposes: ['bench'], native: 'needed' }],
    ['control needs namespaces', ['micro', 'control'], true, { purposes: ['demo'], native: 'needed' }],
    ['control and the lab need packages', ['control', 'lab'], true, { purposes: ['bench'], native: 'needed' }],
    ['micro and the lab need packages', ['micro', 'lab'], true, { purposes: ['bench'], native: 'needed' }],
    ['everything needs packages', [], true, { purposes: ['bench'], native: 'needed' }],
    ['without root nothing is installed', [], false, { native: 'wanted' }],
  ] as const;
  test.each(CASES)('%s', (_name, args, isRoot, options) => {
    expect(benchNeeds(args, isRoot)).toEqual(options);
  });
});
