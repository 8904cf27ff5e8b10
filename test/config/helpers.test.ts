import { describe, expect, test } from 'vitest';
import { formatError } from '../../src/base/errors.ts';
import { parseConfig } from '../../src/config/readConfig.ts';
import { planChanges } from '../../src/control/planChanges.ts';
import { EMPTY_TABLES, tablesOf } from '../../src/control/tables.ts';

function read(text: string) {
  const { config, faults } = parseConfig(text, 'f', { schedulers: ['wlc'] });
  return { config, faults: faults.map((fault) => formatError(fault).split('\n')[0]) };
}

describe('ftpPorts', () => {
  test.each([
    ['services: []\nftpPorts: [21, 2121]', []],
    ['services: []\nftpPorts: []', ['f:2:11: ftpPorts must be a list of 1 to 8 ports, not a list [CONFIG_INVALID]']],
    ['services: []\nftpPorts: [0]', ['f:2:12: an item of ftpPorts must be an integer from 1 to 65535, not 0 [CONFIG_INVALID]']],
    [
      'services: []\nftpPorts: [1, 2, 3, 4, 5, 6, 7, 8, 9]',
      ['f:2:11: ftpPorts must be a list of 1 to 8 ports, not a list [CONFIG_INVALID]'],
    ],
  ])('%j', (text, faults) => expect(read(text).faults).toEqual(faults));

  test('are told to the tables when they are not 21 alone, and when they are again', () => {
    const changed = tablesOf(read('services: []\nftpPorts: [21, 2121]').config!, []);
    const plain = tablesOf(read('services: []').config!, []);
    expect(planChanges(EMPTY_TABLES, changed)).toEqual([{ kind: 'setFtpPorts', ports: [21, 2121] }]);
    expect(planChanges(changed, plain)).toEqual([{ kind: 'setFtpPorts', ports: [21] }]);
    expect(planChanges(EMPTY_TABLES, plain)).toEqual([]);
  });
});

describe('persistenceEngine', () => {
  const service = (address: string, more: string) =>
    `services:\n  - address: ${address}\n    ${more}\n    realServers: [{ address: 10.0.0.1 }]`;

  test.each([
    ['sip with persistence', 'udp 192.0.2.1:5060', 'persistence: 60\n    persistenceEngine: sip', []],
    [
      'sip without persistence',
      'udp 192.0.2.1:5060',
      'persistenceEngine: sip',
      ['f:3:24: a persistence engine needs persistence [CONFIG_INVALID]'],
    ],
    [
      'sip over TCP',
      'tcp 192.0.2.1:5060',
      'persistence: 60\n    persistenceEngine: sip',
      ['f:4:24: the persistence engine sip is only for udp services [CONFIG_INVALID]'],
    ],
    [
      'another one',
      'udp 192.0.2.1:5060',
      'persistence: 60\n    persistenceEngine: h323',
      ['f:4:24: persistenceEngine must be one of sip, not "h323" [CONFIG_INVALID]'],
    ],
  ])('%s', (_name, address, more, faults) => expect(read(service(address, more)).faults).toEqual(faults));

  test('goes to the tables', () => {
    const { config } = read(service('udp 192.0.2.1:5060', 'persistence: 60\n    persistenceEngine: sip'));
    expect(tablesOf(config!, []).services[0]?.settings.persistenceEngine).toBe('sip');
  });
});
