import { describe, expect, test } from 'vitest';
import { address } from '../../src/base/address.ts';
import { Family, Protocol } from '../../src/base/terms.ts';
import { EndpointFlag, endpointKey, filterEntries, fromHex, toHex } from '../../src/bpf/endpoints.ts';

const NOTHING = { services: [], destinations: [], localAddresses: [] };

/** Key of text, as the map has it. */
function key(text: string, protocol = 0, port = 0): string {
  const { family, words } = address(text);
  return toHex(endpointKey(family, protocol, port, words));
}

describe('endpointKey', () => {
  test('has an IPv4 address in the last four bytes, and the port in network order', () => {
    const bytes = endpointKey(Family.v4, Protocol.tcp, 0x1f90, address('192.0.2.1').words);
    expect(toHex(bytes)).toBe(`04061f90${'00'.repeat(12)}c0000201`);
  });

  test('has an IPv6 address as it lies in a packet', () => {
    const bytes = endpointKey(Family.v6, Protocol.udp, 53, address('2001:db8::1').words);
    expect(toHex(bytes)).toBe('06110035 20010db8 00000000 00000000 00000001'.replaceAll(' ', ''));
  });

  test('goes to text and back', () => {
    const bytes = endpointKey(Family.v6, Protocol.sctp, 65535, address('ff02::fe').words);
    expect(fromHex(toHex(bytes))).toEqual(bytes);
  });
});

describe('filterEntries', () => {
  test('knows a service by protocol, address and port, and its address for later fragments', () => {
    const entries = filterEntries({ ...NOTHING, services: [{ protocol: 'tcp', address: '192.0.2.1', port: 80 }] });
    expect(entries).toEqual(
      new Map([
        [key('192.0.2.1', Protocol.tcp, 80), EndpointFlag.service],
        [key('192.0.2.1'), EndpointFlag.virtual],
      ]),
    );
  });

  test('knows a service on every port under port 0', () => {
    const entries = filterEntries({ ...NOTHING, services: [{ protocol: 'udp', address: '2001:db8::1', port: 0 }] });
    expect(entries.get(key('2001:db8::1', Protocol.udp, 0))).toBe(EndpointFlag.catchAll);
  });

  const METHODS = [
    ['masq', { endpoint: EndpointFlag.masq, address: EndpointFlag.masqAddress }],
    ['fullnat', { endpoint: EndpointFlag.fullnat, address: EndpointFlag.fullnatAddress }],
    ['tunnel', { endpoint: undefined, address: EndpointFlag.tunnel }],
    ['route', { endpoint: undefined, address: undefined }],
    ['local', { endpoint: undefined, address: undefined }],
  ] as const;
  test.each(METHODS)('knows of a %s destination what concerns frames from it or errors about it', (method, expected) => {
    const destinations = [{ protocol: 'tcp', address: '10.0.0.2', port: 8080, method }] as const;
    const entries = filterEntries({ ...NOTHING, destinations });
    expect(entries.get(key('10.0.0.2', Protocol.tcp, 8080))).toBe(expected.endpoint);
    expect(entries.get(key('10.0.0.2'))).toBe(expected.address);
  });

  test('adds up what one endpoint is, whatever the order', () => {
    const facts = {
      services: [
        { protocol: 'tcp', address: '10.0.0.2', port: 80 },
        { protocol: 'tcp', address: '10.0.0.2', port: 443 },
      ],
      destinations: [
        { protocol: 'tcp', address: '10.0.0.2', port: 80, method: 'masq' },
        { protocol: 'udp', address: '10.0.0.2', port: 53, method: 'tunnel' },
      ],
      localAddresses: ['10.0.0.2'],
    } as const;
    const { virtual, masqAddress, tunnel, local, service, masq } = EndpointFlag;
    const entries = filterEntries(facts);
    expect(entries.get(key('10.0.0.2'))).toBe(virtual | masqAddress | tunnel | local);
    expect(entries.get(key('10.0.0.2', Protocol.tcp, 80))).toBe(service | masq);
    expect(entries.size).toBe(3);
    const reversed = { ...facts, services: [...facts.services].reverse(), destinations: [...facts.destinations].reverse() };
    expect(new Map([...filterEntries(reversed)].sort())).toEqual(new Map([...entries].sort()));
  });

  test('knows a rule by its ports on an address, by the address when it has many or none', () => {
    const rule = { family: 'v4', protocol: 'tcp', target: '10.0.0.2' } as const;
    const of = (...targetPorts: [number, number][]) =>
      [...filterEntries({ ...NOTHING, classified: [targetPorts.length === 0 ? rule : { ...rule, targetPorts }] })].toSorted();
    const virtual = [key('10.0.0.2'), EndpointFlag.virtual];
    const single = (port: number) => [key('10.0.0.2', Protocol.tcp, port), EndpointFlag.service];
    expect(of([80, 81], [443, 443])).toEqual([virtual, single(80), single(81), single(443)].toSorted());
    const all = [virtual, [key('10.0.0.2', Protocol.tcp, 0), EndpointFlag.catchAll]].toSorted();
    expect([of(), of([1, 65]), of([1, 64], [80, 80])]).toEqual([all, all, all]);
  });

  test('knows a prefix by its length in bits behind family, protocol and port', () => {
    const classified = [{ family: 'v4', protocol: 'udp', target: '10.1.2.3/8' }, { family: 'v6' }] as const;
    const { catchAll } = EndpointFlag;
    // 32 bits in front of the address, 96 more in front of an IPv4 address; little-endian.
    expect([...filterEntries({ ...NOTHING, classified })]).toEqual([
      [`88000000 04110000 ${'00'.repeat(12)} 0a000000`.replaceAll(' ', ''), catchAll],
      ...['06', '11', '84'].map((protocol) => [`20000000 06${protocol}0000 ${'00'.repeat(16)}`.replaceAll(' ', ''), catchAll]),
    ]);
  });

  test('takes a prefix of the whole address for the address', () => {
    const of = (target: string) => filterEntries({ ...NOTHING, classified: [{ family: 'v6', protocol: 'tcp', target }] });
    expect(of('2001:db8::1/128')).toEqual(of('2001:db8::1'));
  });

  test('keeps families apart', () => {
    const entries = filterEntries({ ...NOTHING, localAddresses: ['10.0.0.1', '::10.0.0.1'] });
    expect(entries.size).toBe(2);
  });
});
