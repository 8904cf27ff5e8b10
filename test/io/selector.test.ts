/** The order of what io/selector.ts asks of the kernel; what the kernel makes of it is in test/lab/selector.test.ts. */
import { describe, expect, test } from 'vitest';
import { filterEntries, type SelectorFacts } from '../../src/bpf/endpoints.ts';
import { type BpfCalls, KernelSelector } from '../../src/io/selector.ts';

const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);
const IFINDEX = 7;
const SOCKET = 50;

/** Writes down every call; file descriptors count from 100; `refuses` maps the text of a call to an errno. */
class FakeKernel implements BpfCalls {
  readonly log: string[] = [];
  readonly open = new Set<number>();
  readonly map = new Map<string, number>();
  readonly refuses = new Map<string, string>();
  #next = 100;

  mapCreate({ type, entries }: { type: string; entries: number }): number {
    return this.#opened(`map ${type} ${entries}`);
  }
  mapUpdate(_map: number, key: Uint8Array, value: Uint8Array): void {
    this.#write('set');
    this.map.set(key.toString(), new DataView(value.buffer).getUint32(0, true));
  }
  mapUpdateFd(_map: number, index: number, socket: number): void {
    this.#write(`queue ${index} = ${socket}`);
  }
  mapDelete(_map: number, key: Uint8Array): void {
    this.#write('delete');
    expect(this.map.delete(key.toString())).toBe(true);
  }
  programLoad({ type }: { type: string }): number {
    return this.#opened(`load ${type}`);
  }
  linkXdp(_program: number, ifindex: number, mode: string): number {
    return this.#opened(`link ${ifindex} ${mode}`);
  }
  linkTcxIngress(_program: number, ifindex: number): number {
    return this.#opened(`link ${ifindex} tcx`);
  }
  socketFilter(socket: number): void {
    this.#write(`filter ${socket}`);
  }
  closeFd(fd: number): void {
    expect(this.open.delete(fd)).toBe(true);
  }

  #opened(text: string): number {
    this.#write(text);
    this.open.add(this.#next);
    return this.#next++;
  }

  #write(text: string): void {
    const code = this.refuses.get(text);
    if (code !== undefined) throw Object.assign(new Error(`bpf: ${code}`), { code });
    this.log.push(text);
  }
}

function kernelAndSelector(capacity = 8): { kernel: FakeKernel; selector: KernelSelector } {
  const kernel = new FakeKernel();
  const selector = new KernelSelector(kernel, { capacity });
  kernel.log.length = 0;
  return { kernel, selector };
}

function facts(...services: string[]): SelectorFacts {
  return { services: services.map((address) => ({ protocol: 'tcp', address, port: 80 })), destinations: [], localAddresses: [] };
}

describe('attachPacket', () => {
  test('filters the socket before frames are kept from the host, and keeps them once per interface', () => {
    const { kernel, selector } = kernelAndSelector();
    selector.attachPacket(IFINDEX, MAC, SOCKET);
    selector.attachPacket(IFINDEX, MAC, SOCKET + 1);
    expect(kernel.log).toEqual([
      'map cpuArray 1',
      'load socket_filter',
      'filter 50',
      'load sched_cls',
      'link 7 tcx',
      'filter 51',
    ]);
  });

  test('says which kernel it needs when there is no tcx', () => {
    const { kernel, selector } = kernelAndSelector();
    kernel.refuses.set('link 7 tcx', 'EINVAL');
    expect(() => selector.attachPacket(IFINDEX, MAC, SOCKET)).toThrow(
      expect.objectContaining({ code: 'KERNEL_REFUSED', hint: expect.stringContaining('tcx needs Linux 6.6') }),
    );
  });
});

describe('attachXdp', () => {
  test('prefers the driver, and uses the socket map that registerSocket has made', () => {
    const { kernel, selector } = kernelAndSelector();
    selector.registerSocket(IFINDEX, 3, SOCKET);
    expect(selector.attachXdp(IFINDEX, MAC)).toEqual({ mode: 'native' });
    expect(kernel.log).toEqual(['map xskmap 64', 'queue 3 = 50', 'load xdp', 'link 7 native']);
  });

  test('takes the generic mode when the driver has none', () => {
    const { kernel, selector } = kernelAndSelector();
    kernel.refuses.set('link 7 native', 'EOPNOTSUPP');
    expect(selector.attachXdp(IFINDEX, MAC)).toEqual({ mode: 'generic' });
  });

  test.each([
    ['EBUSY', 'EOPNOTSUPP', 'INTERFACE_UNSUITABLE'],
    ['EOPNOTSUPP', 'EEXIST', 'INTERFACE_UNSUITABLE'],
    ['EOPNOTSUPP', 'ENOMEM', 'KERNEL_REFUSED'],
    ['ENODEV', 'ENODEV', 'INTERFACE_UNKNOWN'],
    ['EPERM', 'EPERM', 'NOT_ROOT'],
  ])('refused with %s and %s is %s', (native, generic, code) => {
    const { kernel, selector } = kernelAndSelector();
    kernel.refuses.set('link 7 native', native);
    kernel.refuses.set('link 7 generic', generic);
    expect(() => selector.attachXdp(IFINDEX, MAC)).toThrow(expect.objectContaining({ code }));
  });
});

describe('update', () => {
  test('writes what is new, then removes what is old, and touches nothing else', () => {
    const { kernel, selector } = kernelAndSelector();
    expect(selector.update(filterEntries(facts('10.0.0.1', '10.0.0.2')))).toBe(4);
    kernel.log.length = 0;
    expect(selector.update(filterEntries(facts('10.0.0.2', '10.0.0.3')))).toBe(4);
    expect(kernel.log).toEqual(['set', 'set', 'delete', 'delete']);
    expect(selector.update(filterEntries(facts('10.0.0.3', '10.0.0.2')))).toBe(0);
  });

  test('rewrites an endpoint whose flags have changed', () => {
    const { kernel, selector } = kernelAndSelector();
    selector.update(filterEntries(facts('10.0.0.1')));
    expect(selector.update(filterEntries({ ...facts('10.0.0.1'), localAddresses: ['10.0.0.1'] }))).toBe(1);
    expect([...kernel.map.values()]).toEqual([1, 24]);
  });

  test('of more than the capacity is refused as a whole', () => {
    const { kernel, selector } = kernelAndSelector(3);
    expect(() => selector.update(filterEntries(facts('10.0.0.1', '10.0.0.2')))).toThrow(
      expect.objectContaining({ code: 'CAPACITY_EXCEEDED' }),
    );
    expect(kernel.log).toEqual([]);
  });

  test('can exchange a full map, for the kernel has room for both', () => {
    const kernel = new FakeKernel();
    const selector = new KernelSelector(kernel, { capacity: 2 });
    expect(kernel.log).toEqual(['map hash 4', 'map prefixes 4']);
    selector.update(filterEntries(facts('10.0.0.1')));
    selector.update(filterEntries(facts('10.0.0.2')));
    expect(kernel.map.size).toBe(2);
  });

  test('that the kernel cuts short goes on where it stopped', () => {
    const { kernel, selector } = kernelAndSelector();
    selector.update(filterEntries(facts('10.0.0.1')));
    kernel.refuses.set('delete', 'ENOMEM');
    expect(() => selector.update(filterEntries(facts('10.0.0.2')))).toThrow(expect.objectContaining({ code: 'KERNEL_REFUSED' }));
    kernel.refuses.clear();
    expect(selector.update(filterEntries(facts('10.0.0.2')))).toBe(2);
    expect(kernel.map.size).toBe(2);
  });
});

test('close closes every descriptor, once', () => {
  const { kernel, selector } = kernelAndSelector();
  selector.attachXdp(IFINDEX, MAC);
  selector.attachPacket(IFINDEX + 1, MAC, SOCKET);
  selector.close();
  selector.close();
  expect(kernel.open.size).toBe(0);
});
