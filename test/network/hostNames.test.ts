import { beforeEach, describe, expect, test } from 'vitest';
import { NameLookup, type NameResolver } from '../../src/network/hostNames.ts';
import { parseHosts, parseSearchDomains, parseServices } from '../../src/network/nameFiles.ts';
import { ManualWaits } from './fakeNetwork.ts';

const HOSTS = `127.0.0.1 localhost
10.0.0.1\tdirector.example.net  Director # not alias
10.0.0.2 director
2001:db8:0::1 six
::1 localhost
bad line
`;
const SERVICES = `# names
http 80/tcp www
https\t443/tcp
https 443/udp
domain 53/udp
broken
www-old 80/tcp
`;

describe('the files of names', () => {
  test('hosts: names without regard to case, the first line counts', () => {
    const { addresses, names } = parseHosts(HOSTS);
    expect(Object.fromEntries(addresses)).toEqual({
      localhost: '127.0.0.1',
      'director.example.net': '10.0.0.1',
      director: '10.0.0.1',
    });
    expect(names.get('10.0.0.1')).toBe('director.example.net');
    expect(names.get('2001:db8::1')).toBe('six');
  });

  test('services: by protocol, with aliases, the first line counts', () => {
    const { ports, names } = parseServices(SERVICES);
    expect(['http/tcp', 'www/tcp', 'http/udp', 'www-old/tcp'].map((name) => ports.get(name))).toEqual([80, 80, undefined, 80]);
    expect(['80/tcp', '443/udp', '53/tcp'].map((port) => names.get(port))).toEqual(['http', 'https', undefined]);
  });

  test.each([
    ['search a.example b.example.', ['a.example', 'b.example']],
    ['domain old.example\nsearch new.example', ['new.example']],
    ['nameserver 10.0.0.1', []],
  ])('the domains of %j', (text, domains) => {
    expect(parseSearchDomains(text)).toEqual(domains);
  });
});

/** Answers what it knows, refuses the rest, and keeps silent about what begins with `silent`. */
class FakeResolver implements NameResolver {
  readonly asked: string[] = [];
  isCancelled = false;
  readonly #known: Readonly<Record<string, string>>;

  constructor(known: Readonly<Record<string, string>>) {
    this.#known = known;
  }

  resolve4(name: string): Promise<readonly string[]> {
    this.asked.push(name);
    if (name.startsWith('silent')) return new Promise(() => {});
    const found = this.#known[name];
    return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve([found]);
  }

  reverse(address: string): Promise<readonly string[]> {
    return this.resolve4(address);
  }

  cancel(): void {
    this.isCancelled = true;
  }
}

describe('a lookup', () => {
  let waits: ManualWaits;
  let resolver: FakeResolver;
  let lookup: NameLookup;

  beforeEach(() => {
    waits = new ManualWaits();
    resolver = new FakeResolver({ 'web.corp.example': '10.0.0.7', 'db.example': '10.0.0.8', '10.0.0.8': 'db.example' });
    const files: Readonly<Record<string, string>> = {
      '/etc/hosts': HOSTS,
      '/etc/services': SERVICES,
      '/etc/resolv.conf': 'search corp.example',
    };
    lookup = new NameLookup({ read: (path) => files[path] ?? '', openResolver: () => resolver, wait: waits.wait });
  });

  test.each([
    ['director', 0x0a000001],
    ['DIRECTOR', 0x0a000001],
    ['web', 0x0a000007],
    ['db.example', 0x0a000008],
    ['nobody.example', undefined],
  ])('finds the address of %s', async (name, address) => {
    expect(await lookup.addressOf(name)).toBe(address);
  });

  test('asks nobody for what stands in a file', async () => {
    expect(await lookup.addressOf('director')).toBe(0x0a000001);
    expect(await lookup.hostOf('2001:DB8::1')).toBe('six');
    expect([lookup.servicePort('www', 'tcp'), lookup.serviceOf(80, 'tcp')]).toEqual([80, 'http']);
    expect(resolver.asked).toEqual([]);
  });

  test('asks once for each name', async () => {
    expect(await Promise.all([lookup.hostOf('10.0.0.8'), lookup.hostOf('10.0.0.8')])).toEqual(['db.example', 'db.example']);
    await lookup.hostOf('10.0.0.8');
    expect(resolver.asked).toEqual(['10.0.0.8']);
  });

  test('gives up in the end, for all that still wait and all that come', async () => {
    const names = Promise.all(Array.from({ length: 200 }, (_, i) => lookup.addressOf(`silent${i}.example`)));
    await waits.advance(2999);
    expect(await Promise.race([names, 'waiting'])).toBe('waiting');
    expect(resolver.asked).toHaveLength(64);
    await waits.advance(1);
    expect(await names).toEqual(new Array(200).fill(undefined));
    expect(resolver.isCancelled).toBe(true);
    expect(await lookup.addressOf('db.example')).toBeUndefined();
    expect(await lookup.addressOf('director')).toBe(0x0a000001);
  });

  test('begins the next question when one is answered', async () => {
    const names = Array.from({ length: 100 }, (_, i) => lookup.addressOf(`unknown${i}.example`));
    await Promise.all(names);
    expect(resolver.asked).toHaveLength(100);
  });
});
