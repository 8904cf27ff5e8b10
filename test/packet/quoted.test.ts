import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { ChecksumState, Family } from '../../src/base/terms.ts';
import * as checksum from '../../src/packet/checksum.ts';
import { Flow, FlowFault, parseIp, parseQuoted } from '../../src/packet/flow.ts';
import { decrementHopLimit } from '../../src/packet/hopLimit.ts';
import * as icmp from '../../src/packet/icmp.ts';
import { rewriteQuotedSource, rewriteQuotedTarget } from '../../src/packet/quoted.ts';
import { rewriteSource, rewriteTarget } from '../../src/packet/transport.ts';
import { expectFrame } from '../support/expectFrame.ts';
import { frame } from '../support/frame.ts';
import { bytesOf, hexOf, viewOf } from '../support/wireBytes.ts';

const SERVER = { 4: '10.0.1.2', 6: '2001:db8:1::2' } as const;
const VIRTUAL = { 4: '192.168.100.1', 6: '2001:db8:100::1' } as const;

/** ICMP errors into and out of kernel IPVS 6.1, masq: [..., protocol's virtual port, server port, in, out]. */
const RECORDED = [
  [
    'from the server, about UDP',
    'toClient',
    53,
    5353,
    '4500004300004000400123b30a0001020a010205030314290000000045000027000040003b1128bf0a0102050a0001024e2814e90013f3e068656c6c6f20776f726c64',
    '45000043000040003f010b0bc0a864010a010205030328dd0000000045000027000040003b110f170a010205c0a864014e2800350013f3e068656c6c6f20776f726c64',
  ],
  [
    'from the server, fragmentation needed about TCP',
    'toClient',
    80,
    8000,
    '4500003800004000400123be0a0001020a01020503048252000005784500006800004000400623890a0102050a0001024e211f40000007d0',
    '45000038000040003f010b16c0a864010a0102050304a142000005784500006800004000400609e10a010205c0a864014e210050000007d0',
  ],
  [
    'from the client, about TCP',
    'toServer',
    80,
    8000,
    '450000380000400040010a160a010205c0a864010304864d000005144500005000004000400609f9c0a864010a01020500504e2100002329',
    '45000038000040003f0124be0a0102050a0001020304675d000005144500005000004000400623a10a0001020a0102051f404e2100002329',
  ],
  [
    'from the server over IPv6, packet too big',
    'toClient',
    80,
    8000,
    '6000000000443a4020010db800010000000000000000000220010db80031000000000000000000050200368800000514600000000014064020010db800310000000000000000000520010db80001000000000000000000024e211f40000007d0000023295010faf0c0de0000',
    '6000000000443a3f20010db801000000000000000000000120010db80031000000000000000000050200537c00000514600000000014064020010db800310000000000000000000520010db80100000000000000000000014e210050000007d0000023295010faf0c0de0000',
  ],
] as const;

test.each(RECORDED)('as the kernel did: an error %s', (_name, direction, virtualPort, serverPort, before, after) => {
  const packet = bytesOf(before);
  const v = viewOf(packet);
  const [flow, quoted] = [new Flow(), new Flow()];
  expect(parseIp(v, 0, packet.length, flow)).toBe(FlowFault.none);
  expect(parseQuoted(v, flow.l4 + icmp.QUOTE_AT, flow.end, quoted)).toBe(FlowFault.none);
  const family = flow.family === Family.v4 ? 4 : 6;
  const [server, virtual] = [address(SERVER[family]).words, address(VIRTUAL[family]).words];
  decrementHopLimit(v, flow);
  if (direction === 'toClient') {
    rewriteSource(v, flow, ...virtual, 0, ChecksumState.complete);
    rewriteQuotedTarget(v, quoted, ...virtual, virtualPort);
  } else {
    rewriteTarget(v, flow, ...server, 0, ChecksumState.complete);
    rewriteQuotedSource(v, quoted, ...server, serverPort);
  }
  if (family === 4) checksum.writeIcmp(v, flow.l4, flow.end - flow.l4);
  else checksum.writeIcmpv6(v, flow.l3, flow.l4, flow.end - flow.l4);
  expect(hexOf(packet)).toBe(after);
});

describe('the quote of a protocol without ports', () => {
  test('gets its address only', () => {
    const quote = frame().ipv4({ source: '10.9.0.1', protocol: 89 }).payload(8).packet();
    const bytes = frame().ipv4().icmp({ type: 3, code: 2 }).payload(quote).build();
    const v = viewOf(bytes);
    const quoted = new Flow();
    parseQuoted(v, 42, bytes.length, quoted);
    rewriteQuotedSource(v, quoted, ...address('10.0.1.2').words, 99);
    rewriteQuotedTarget(v, quoted, ...address('10.0.1.3').words, 99);
    checksum.writeIcmp(v, 34, bytes.length - 34);
    expectFrame(bytes).checksumsAreRight().quoted().hasSource('10.0.1.2').hasTarget('10.0.1.3').hasPorts(0, 0);
    expect(bytes.slice(-8)).toEqual(quote.slice(-8));
    expect(checksum.verifyIpv4Header(v, 42)).toBe(true);
  });
});
