/** `uvs run --config FILE` and `uvs run --interface NAME`: what the director begins with. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { configReader } from '../../src/cli/runCommand.ts';

const folder = mkdtempSync(join(tmpdir(), 'uvs-reader-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'web.yaml');
writeFileSync(file, 'interfaces: [eth7]\nservices: [{address: tcp 10.0.0.1:80, realServers: []}]\n');

test('without a configuration there are interfaces, defaults, and no services', () => {
  const { config, faults } = configReader(undefined, ['eth0', 'eth1'])();
  expect(faults).toEqual([]);
  expect(config).toMatchObject({ interfaces: ['eth0', 'eth1'], services: [], limits: { services: 4096 } });
});

test('interfaces on the command line stand instead of those of the configuration', () => {
  expect(configReader(file, ['eth0'])().config).toMatchObject({ interfaces: ['eth0'], services: [{ port: 80 }] });
  expect(configReader(file, [])().config).toMatchObject({ interfaces: ['eth7'] });
});

test('faults of the configuration are told in any case', () => {
  const { config, faults } = configReader(join(folder, 'none.yaml'), ['eth0'])();
  expect([config, faults.map(({ code }) => code)]).toEqual([undefined, ['CONFIG_UNREADABLE']]);
});

test('one of them there must be', () => {
  expect(() => configReader(undefined, [])).toThrow('--config is missing');
});
