import { describe, expect, test } from 'vitest';
import type { ClassificationRule, ServiceKey, ServiceSettings } from '../../src/table/actions.ts';
import { Tables } from '../../src/table/tables.ts';
import { validateActions } from '../../src/table/validateActions.ts';
import { badPersistence, badRule } from '../../src/table/validateRules.ts';

describe('a classification rule', () => {
  const GOOD: readonly ClassificationRule[] = [
    { family: 'v4', mark: 0 },
    { family: 'v4', mark: 0xffff_ffff, source: '10.0.0.0/8', target: '192.0.2.1' },
    { family: 'v6', mark: 1, target: '2001:db8::/32' },
    { family: 'v4', mark: 1, protocol: 'tcp', targetPorts: [[0, 65_535]] },
  ];
  test.each(GOOD)('%j is good', (rule) => expect(badRule(rule)).toBeUndefined());

  const BAD: readonly (readonly [string, ClassificationRule])[] = [
    ['a mark beyond 32 bits', { family: 'v4', mark: 0x1_0000_0000 }],
    ['a mark below 0', { family: 'v4', mark: -1 }],
    ['an address of the other family', { family: 'v6', mark: 1, target: '10.0.0.1' }],
    ['a prefix that is too long', { family: 'v4', mark: 1, source: '10.0.0.0/33' }],
    ['no address', { family: 'v4', mark: 1, source: 'web' }],
    ['ports without a protocol', { family: 'v4', mark: 1, targetPorts: [[80, 80]] }],
    ['no ports at all', { family: 'v4', mark: 1, protocol: 'tcp', sourcePorts: [] }],
    ['ports the wrong way round', { family: 'v4', mark: 1, protocol: 'tcp', sourcePorts: [[81, 80]] }],
    ['a port beyond 65535', { family: 'v4', mark: 1, protocol: 'tcp', sourcePorts: [[80, 65_536]] }],
  ];
  test.each(BAD)('with %s is refused', (_name, rule) => expect(badRule(rule)?.code).toBe('CONFIG_INVALID'));
});

describe('what of a client counts as one', () => {
  const V4: ServiceKey = { protocol: 'tcp', address: '192.0.2.1', port: 80 };
  const V6: ServiceKey = { firewallMark: 7, family: 'v6' };
  const CASES: readonly (readonly [ServiceKey, Partial<ServiceSettings>, boolean])[] = [
    [V4, {}, true],
    [V4, { persistencePrefix: 0 }, true],
    [V4, { persistencePrefix: 33 }, false],
    [V4, { persistenceMask: '0.0.0.24' }, true],
    [V4, { persistenceMask: '24' }, false],
    [V4, { persistenceSeconds: -1 }, false],
    [V6, { persistencePrefix: 128 }, true],
    [V6, { persistencePrefix: 0 }, false],
    [V6, { persistencePrefix: 64, persistenceMask: '255.0.0.0' }, false],
  ];
  test.each(CASES)('%j with %j: good is %s', (key, own, isGood) => {
    const settings = {
      scheduler: 'rr',
      schedulerFlags: [],
      onePacket: false,
      persistenceSeconds: 50,
      persistencePrefix: 32,
      ...own,
    };
    expect(badPersistence(key, settings) === undefined).toBe(isGood);
  });
});

test('one bad setting or rule of a list lets none of the list through', () => {
  const tables = new Tables({ connections: 8, services: 8, destinations: 8 }, 1);
  const settings = (name: string, value: number) => ({
    kind: 'setSettings' as const,
    settings: { sloppy_tcp: 1, [name]: value },
  });
  expect(validateActions(tables, [settings('drop_entry', 3)])).toBeUndefined();
  expect(validateActions(tables, [settings('drop_entry', 3), settings('drop_entry', 4)])?.code).toBe('SETTING_INVALID');
  expect(validateActions(tables, [settings('debug_level', 0)])?.hint).toContain('debug builds');
  const rules: ClassificationRule[] = [
    { family: 'v4', mark: 1 },
    { family: 'v4', mark: 1, source: 'web' },
  ];
  expect(validateActions(tables, [{ kind: 'setClassification', rules }])?.code).toBe('CONFIG_INVALID');
});
