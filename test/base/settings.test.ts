import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkSetting, defaultSettings, SETTINGS, type SettingRole, type SettingValue } from '../../src/base/settings.ts';

/** Section of docs/reference/settings.md for each role. */
const SECTIONS: Readonly<Record<SettingRole, string>> = {
  'takes effect': 'Those that take effect',
  kept: 'Those that are kept for synchronisation',
  'no difference': 'Those that make no difference here',
  refused: 'Those that are refused',
};

const DOCS = readFileSync(new URL('../../docs/reference/settings.md', import.meta.url), 'utf8');

function rowsOf(section: string): string[] {
  const text = DOCS.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
  return text.split('\n').filter((line) => line.startsWith('| `'));
}

describe('docs/reference/settings.md', () => {
  test.each(Object.entries(SECTIONS))('lists every setting whose role is "%s", as the table has it', (role, section) => {
    const text = (value: SettingValue) => (typeof value === 'number' ? String(value) : value.join(' '));
    const rows = SETTINGS.filter((facts) => facts.role === role).map(
      (facts) => `| \`${facts.name}\` | ${text(facts.default)} | ${facts.range} | ${facts.description} |`,
    );
    expect(rowsOf(section)).toEqual(rows);
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('checkSetting takes what the kernel takes', () => {
  // As asked of the real kernel: name, values that it took, values that it refused.
  const CASES: readonly (readonly [string, readonly SettingValue[], readonly SettingValue[]])[] = [
    ['am_droprate', [-1, 0, 1, 2_147_483_647], [2_147_483_648, 1.5, Number.NaN]],
    ['conn_reuse_mode', [-1, 0, 1, 2, 3, 4], [2_147_483_648, [1, 2]]],
    ['conntrack', [0, 1, 2, -1], [-2_147_483_649]],
    ['drop_entry', [0, 1, 2, 3], [-1, 4]],
    ['drop_packet', [0, 1, 2, 3], [-1, 4, 64]],
    ['secure_tcp', [0, 1, 2, 3], [-1, 4]],
    ['expire_nodest_conn', [-1, 0, 1, 128], [2_147_483_648]],
    ['lblc_expiration', [-1, 0, 86_400], [2_147_483_647]],
    ['sync_ports', [1, 2, 4, 64, 128], [-1, 0, 3, 5, 65, 2_147_483_647]],
    ['sync_qlen_max', [0, 1, 2_147_483_648], [-1]],
    ['sync_refresh_period', [-1, 0, 128], [2_147_483_647]],
    ['sync_retries', [0, 3], [-1, 4]],
    ['sync_version', [0, 1], [-1, 2]],
    [
      'sync_threshold',
      [
        [3, 50],
        [1, 2],
        [3, 0],
        [0, 0],
      ],
      [[-1, 5], [5, 5], [6, 5], [3, -1], 3],
    ],
  ];
  test.each(CASES)('%s', (name, taken, refused) => {
    expect(taken.filter((value) => checkSetting(name, value) !== undefined)).toEqual([]);
    expect(refused.filter((value) => checkSetting(name, value)?.code !== 'SETTING_INVALID')).toEqual([]);
  });
});

test('a default is a value that the setting can have, unless it is refused altogether', () => {
  const refused = Object.entries(defaultSettings()).filter(([name, value]) => checkSetting(name, value) !== undefined);
  expect(refused.map(([name]) => name)).toEqual(SETTINGS.filter(({ role }) => role === 'refused').map(({ name }) => name));
});

test('a name that does not exist is refused, and so is one of Object', () => {
  expect(checkSetting('expire_nodest', 1)?.message).toContain('expire_nodest');
  expect(checkSetting('toString', 1)?.code).toBe('SETTING_INVALID');
});

test('a setting without meaning says why', () => {
  expect(checkSetting('est_nice', 0)?.hint).toContain('no thread of the kernel');
});
