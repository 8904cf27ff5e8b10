/** The grammar beside what recorded command lines show: every kind of command, and any words at all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../../src/uvsadm/command.ts';
import { WORDS } from '../../src/uvsadm/optionTable.ts';
import { parseCommand } from '../../src/uvsadm/parseCommand.ts';
import { NO_NAMES, parseInetAton, parseNumber } from '../../src/uvsadm/values.ts';

function parse(line: string, program = 'ipvsadm') {
  return parseCommand(line === '' ? [] : line.split(' '), { program, names: NO_NAMES });
}

const SERVICE = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const;

describe('commands', () => {
  test.each([
    [
      '-A -t 192.0.2.1:80',
      { kind: 'addService', service: SERVICE, options: { scheduler: 'wlc', persistenceSeconds: 0, netmask: -1 } },
    ],
    [
      '-A -f 7 -6 -s sh -b sh-port -p',
      {
        kind: 'addService',
        service: { firewallMark: 7, family: 'v6' },
        options: { schedulerFlags: 2, persistenceSeconds: 360, netmask: 128 },
      },
    ],
    ['-A -t 192.0.2.1:80 -p 10 -M 255.255.0.0', { kind: 'addService', options: { netmask: -65536 } }],
    ['-E -t 192.0.2.1:80 -s rr --pe sip', { kind: 'editService', options: { scheduler: 'rr', persistenceEngine: 'sip' } }],
    ['-D -t 192.0.2.1:80', { kind: 'deleteService', service: SERVICE }],
    [
      '-a -t 192.0.2.1:80 -r 10.0.0.1 -m',
      { kind: 'addServer', service: SERVICE, server: { address: '10.0.0.1', port: 80 }, settings: { method: 'masq', weight: 1 } },
    ],
    ['-a -t 192.0.2.1:80 -r 10.0.0.1:8080', { kind: 'addServer', server: { port: 80 }, settings: { method: 'route' } }],
    ['-a -f 7 -r 10.0.0.1:8080', { kind: 'addServer', server: { port: 8080 } }],
    [
      '-a -t 192.0.2.1:80 -r 10.0.0.1 -i --tun-type gue --tun-port 6080 --tun-csum',
      { kind: 'addServer', settings: { tunnel: { type: 'gue', port: 6080, checksum: 'full' } } },
    ],
    [
      '-e -t 192.0.2.1:80 -r 10.0.0.1 -x 9 -y 3',
      { kind: 'editServer', settings: { upperThreshold: 9, lowerThreshold: 3, weight: 1 } },
    ],
    ['-d -t 192.0.2.1:80 -r 10.0.0.1:8080', { kind: 'deleteServer', server: { port: 8080 } }],
    ['-C', { kind: 'clear' }],
    ['-Z', { kind: 'zero' }],
    ['-Z -t 192.0.2.1:80', { kind: 'zero', service: SERVICE }],
    ['-R', { kind: 'restore' }],
    ['-Sn', { kind: 'save', options: { numeric: true } }],
    ['--set 1 2 3', { kind: 'setTimeouts', timeouts: { tcp: 1, tcpFin: 2, udp: 3 } }],
    [
      '--start-daemon backup --mcast-interface r0 --syncid 7',
      { kind: 'startDaemon', options: { role: 'backup', interface: 'r0', syncId: 7 } },
    ],
    ['--start-daemon=master', { kind: 'startDaemon', options: { role: 'master', interface: 'eth0', syncId: 0 } }],
    ['--stop-daemon master', { kind: 'stopDaemon', role: 'master' }],
    ['-h', { kind: 'help' }],
    ['-v', { kind: 'version' }],
    ['', { kind: 'list', options: { subject: 'services', view: 'default', numeric: false, sorted: true } }],
    ['-ln', { kind: 'list', options: { numeric: true } }],
    ['-lnc', { kind: 'list', options: { subject: 'connections', numeric: true } }],
    ['-Lcn --persistent-conn', { kind: 'list', options: { subject: 'connections', persistenceData: true } }],
    ['-L --rate --stats -X --nosort', { kind: 'list', options: { view: 'stats', exact: true, sorted: false } }],
    ['-L --tun-info -t 192.0.2.1:80', { kind: 'list', options: { view: 'tun-info', service: SERVICE } }],
    ['-L --timeout', { kind: 'list', options: { subject: 'timeouts' } }],
    ['-L --daemon', { kind: 'list', options: { subject: 'daemons' } }],
  ])('%s', (line, command) => {
    expect(parse(line)).toMatchObject(command);
  });

  test('the hint follows the name of the program', () => {
    expect(parse('nonsense', 'uvsadm')).toEqual(new Refusal(255, "Try `uvsadm -h' or 'uvsadm --help' for more information."));
  });
});

test('any words make a command or a refusal of one line or two', () => {
  const spelled = WORDS.flatMap(({ long, short }) => [`--${long}`, `-${short}`, `--${long}=5`, `-${short}9`]);
  const values = ['192.0.2.1:80', '[2001:db8::1]:80', '10.0.0.1', 'rr', '7', '-1', '', '--', 'sh-port', 'master', '255.255.0.0'];
  const word = fc.oneof(fc.constantFrom(...spelled), fc.constantFrom(...values), fc.string());
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      const result = parseCommand(words, { program: 'ipvsadm', names: NO_NAMES });
      if (!(result instanceof Refusal)) return typeof result.kind === 'string';
      return result.message.length > 0 && (result.exitCode === 2 || result.exitCode === 255);
    }),
  );
});

test('an address as inet_aton prints it is read back, and no text makes it throw', () => {
  fc.assert(
    fc.property(fc.integer(), (word) => {
      const dotted = [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
      return (
        parseInetAton(dotted) === word &&
        parseInetAton(`${word >>> 0}`) === word &&
        parseInetAton(`0x${(word >>> 0).toString(16)}`) === word
      );
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => parseInetAton(text) === undefined || Number.isInteger(parseInetAton(text))));
});

test('a number is decimal and within its bounds', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 1000 }), (value, reach) => {
      expect(parseNumber(`${value}`, value - reach, value + reach)).toBe(value);
      expect(parseNumber(` ${value}`, value + 1, value + reach)).toBeUndefined();
    }),
  );
});
