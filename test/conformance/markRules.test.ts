/** Commands of iptables that mark packets, as rules; what is not understood is refused. */
import { expect, test } from 'vitest';
import { markRule } from './markRules.ts';

const MANGLE = '-t mangle -A PREROUTING';
const MARK = '-j MARK --set-mark 5';

test.each([
  ['a prefix', `iptables-legacy ${MANGLE} -d 10.200.0.0/16 ${MARK}`, { family: 'v4', target: '10.200.0.0/16', mark: 5 }],
  ['IPv6', `ip6tables-legacy ${MANGLE} -s 2001:db8::/32 ${MARK}`, { family: 'v6', source: '2001:db8::/32', mark: 5 }],
  [
    'a port',
    `iptables-legacy ${MANGLE} -p tcp -d 192.0.2.1 --dport 443 ${MARK}`,
    { family: 'v4', protocol: 'tcp', target: '192.0.2.1', targetPorts: [[443, 443]], mark: 5 },
  ],
  [
    'a range',
    `iptables-legacy ${MANGLE} -p udp --sport 1024:2047 ${MARK}`,
    { family: 'v4', protocol: 'udp', sourcePorts: [[1024, 2047]], mark: 5 },
  ],
  [
    'an open range',
    `iptables-legacy ${MANGLE} -p tcp -m tcp --dport :1023 ${MARK}`,
    { family: 'v4', protocol: 'tcp', targetPorts: [[0, 1023]], mark: 5 },
  ],
  [
    'several ports',
    `iptables-legacy ${MANGLE} -p tcp -m multiport --dports 80,8000:8100 ${MARK}`,
    {
      family: 'v4',
      protocol: 'tcp',
      targetPorts: [
        [80, 80],
        [8000, 8100],
      ],
      mark: 5,
    },
  ],
  ['an interface', `iptables-legacy ${MANGLE} -i r0 -j MARK --set-xmark 0x7/0xffffffff`, { family: 'v4', port: 1, mark: 7 }],
])('%s', (_what, command, rule) => {
  expect(markRule(command)).toEqual(rule);
});

test.each([
  ['negation', `iptables-legacy ${MANGLE} ! -d 10.0.0.1 ${MARK}`],
  ['negation of a value', `iptables-legacy ${MANGLE} -d ! 10.0.0.1 ${MARK}`],
  ['another match', `iptables-legacy ${MANGLE} -m conntrack --ctstate NEW ${MARK}`],
  ['another table', `iptables-legacy -t filter -A PREROUTING -d 10.0.0.1 ${MARK}`],
  ['another target', `iptables-legacy ${MANGLE} -d 10.0.0.1 -j DROP`],
  ['a mark under a mask', `iptables-legacy ${MANGLE} -d 10.0.0.1 -j MARK --set-xmark 0x1/0xff`],
  ['a protocol of no service', `iptables-legacy ${MANGLE} -p icmp ${MARK}`],
  ['a port that is none', `iptables-legacy ${MANGLE} -p tcp --dport 70000 ${MARK}`],
  ['an interface that is not there', `iptables-legacy ${MANGLE} -i eth7 ${MARK}`],
  ['another program', 'ebtables -A FORWARD'],
])('%s is refused', (_what, command) => {
  expect(() => markRule(command)).toThrow(/understood|not a|no list/);
});
