import { describe, expect, test } from 'vitest';
import { defaultSettings } from '../../src/base/settings.ts';
import { parseAssignment, settingsText } from '../../src/cli/settingsCommand.ts';
import { parseService } from '../../src/cli/zeroCommand.ts';

describe('uvs settings', () => {
  test.each([
    ['sloppy_tcp=1', ['sloppy_tcp', 1]],
    ['sync_threshold=3,10', ['sync_threshold', [3, 10]]],
    ['sync_threshold=3 10', ['sync_threshold', [3, 10]]],
  ])('%s is an assignment', (text, assignment) => expect(parseAssignment(text)).toEqual(assignment));

  test.each([
    ['drop_entry=4', 'drop_entry cannot be 4', 'Range: 0 = off, 1 and 2 = when memory is low, 3 = always.'],
    ['drop_entry=yes', 'drop_entry cannot be "yes"', 'Range: 0 = off, 1 and 2 = when memory is low, 3 = always.'],
    ['drop_entry=', 'drop_entry cannot be ""', 'Range: 0 = off, 1 and 2 = when memory is low, 3 = always.'],
    ['slopy_tcp=1', 'no setting named "slopy_tcp"', 'Did you mean sloppy_tcp?'],
    [
      'sync_threshold=3,10,20',
      '"sync_threshold=3,10,20" is too long',
      'docs/reference/settings.md lists every setting with its range.',
    ],
  ])('%s is refused', (text, message, hint) => {
    expect(() => parseAssignment(text)).toThrow(expect.objectContaining({ code: 'SETTING_INVALID', message, hint }));
  });

  test('shows each setting, and the default of those that have another value', () => {
    const lines = settingsText({ ...defaultSettings(), sloppy_tcp: 1, sync_threshold: [3, 10] }).split('\n');
    expect(lines.filter((line) => line.includes('default')).map((line) => line.replace(/ +/g, ' '))).toEqual([
      'sloppy_tcp 1 (default 0)',
      'sync_threshold 3,10 (default 3,50)',
    ]);
    expect(lines).not.toContainEqual(expect.stringContaining('debug_level'));
  });
});

describe('uvs zero', () => {
  test.each([
    ['tcp 10.0.0.1:80', { protocol: 'tcp', address: '10.0.0.1', port: 80 }],
    ['udp [2001:DB8::1]:53', { protocol: 'udp', address: '2001:db8::1', port: 53 }],
    ['fwmark 7', { firewallMark: 7, family: 'v4' }],
    ['fwmark 7 v6', { firewallMark: 7, family: 'v6' }],
  ])('"%s" is a service', (text, service) => expect(parseService(text)).toEqual(service));

  test.each(['10.0.0.1:80', 'tcp 10.0.0.1', 'fwmark', 'fwmark 7 v5', ''])('"%s" is none', (text) => {
    expect(() => parseService(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
