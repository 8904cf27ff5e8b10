/** The selector on the real kernel: what the verifier says, where frames go, what a killed process leaves behind. Needs root. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type SelectorFacts, toHex } from '../../src/bpf/endpoints.ts';
import { SelectorFlavour, selectorProgram } from '../../src/bpf/selector.ts';
import { native } from '../../src/io/native.ts';
import type { Answer, Command, ProcessOptions } from '../bpf/selectorProcess.ts';
import { type FrameBuilder, frame } from '../support/frame.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.warn('test/lab/selector.test.ts needs root: skipped');

const CLIENT = { namespace: 'uvsbpf-client', interface: 'uvsbpf0', mac: '02:00:00:00:77:07', v4: '10.77.0.7', v6: 'fd77::7' };
const DIRECTOR = { namespace: 'uvsbpf-director', interface: 'uvsbpf1', mac: '02:00:00:00:77:01', v4: '10.77.0.1', v6: 'fd77::1' };
const VIP = { v4: '10.77.0.100', v6: 'fd77::100' };
const SERVICE_PORT = 5300;
const HOST_PORT = 5301;
const WAIT_MS = 15_000;

const FACTS: SelectorFacts = {
  services: [VIP.v4, VIP.v6].map((address) => ({ protocol: 'udp', address, port: SERVICE_PORT }) as const),
  destinations: [
    { protocol: 'udp', address: '10.77.0.50', port: HOST_PORT, method: 'masq' },
    { protocol: 'udp', address: '10.77.0.51', port: HOST_PORT, method: 'tunnel' },
  ],
  classified: [
    { family: 'v4', protocol: 'udp', target: '198.18.0.0/15' },
    { family: 'v6', target: '2001:db8:9::/48' },
  ],
  localAddresses: [DIRECTOR.v4, DIRECTOR.v6, VIP.v4, VIP.v6],
};
const NO_FACTS: SelectorFacts = { services: [], destinations: [], localAddresses: [] };

/** The frames of every scene, in order, by the word that they carry. */
const FRAMES: readonly (readonly [word: string, whose: 'port' | 'host', frame: FrameBuilder])[] = [
  ['service4', 'port', fromClient().ipv4({ source: CLIENT.v4, target: VIP.v4 }).udp({ source: 4000, target: SERVICE_PORT })],
  ['service6', 'port', fromClient().ipv6({ source: CLIENT.v6, target: VIP.v6 }).udp({ source: 4000, target: SERVICE_PORT })],
  ['otherPort4', 'host', fromClient().ipv4({ source: CLIENT.v4, target: VIP.v4 }).udp({ source: 4000, target: HOST_PORT })],
  ['otherPort6', 'host', fromClient().ipv6({ source: CLIENT.v6, target: VIP.v6 }).udp({ source: 4000, target: HOST_PORT })],
  [
    'otherAddress',
    'host',
    fromClient().ipv4({ source: CLIENT.v4, target: DIRECTOR.v4 }).udp({ source: 4000, target: SERVICE_PORT }),
  ],
  ['laterFragment', 'port', fromClient().ipv4({ source: CLIENT.v4, target: VIP.v4, fragmentOffset: 64, protocol: 17 })],
  [
    'extensions',
    'port',
    fromClient().ipv6({ source: CLIENT.v6, target: VIP.v6 }).destinationOptions().udp({ source: 4000, target: SERVICE_PORT }),
  ],
  ['prefix4', 'port', fromClient().ipv4({ source: CLIENT.v4, target: '198.19.255.9' }).udp({ source: 4000, target: 9 })],
  ['prefix6', 'port', fromClient().ipv6({ source: CLIENT.v6, target: '2001:db8:9:9::9' }).udp({ source: 4000, target: 9 })],
  [
    'masqReply',
    'port',
    fromClient().ipv4({ source: '10.77.0.50', target: '192.0.2.9' }).udp({ source: HOST_PORT, target: 4000 }),
  ],
  [
    'checkerReply',
    'host',
    fromClient().ipv4({ source: '10.77.0.50', target: DIRECTOR.v4 }).udp({ source: HOST_PORT, target: HOST_PORT }),
  ],
];

function fromClient(): FrameBuilder {
  return frame().ethernet({ source: CLIENT.mac, target: DIRECTOR.mac });
}

/** In a frame, a word that selectorProcess.ts finds again. */
function marked(builder: FrameBuilder, word: string): Uint8Array {
  return builder.payload(`uvs:${word};`).build();
}

/** The same with a priority tag (IEEE 802.1Q, VLAN 0). */
function tagged(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...bytes.subarray(0, 12), 0x81, 0, 0, 0, ...bytes.subarray(12)]);
}

/** One selectorProcess.ts and what it has said. */
class Actor {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: Answer[] = [];
  #errors = '';
  #wake: () => void = () => {};

  constructor(namespace: string, options: ProcessOptions) {
    const script = fileURLToPath(new URL('../bpf/selectorProcess.ts', import.meta.url));
    this.#child = spawn('ip', ['netns', 'exec', namespace, process.execPath, script, JSON.stringify(options)]);
    this.#child.stderr.on('data', (text) => {
      this.#errors += text;
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#answers.push(JSON.parse(line) as Answer);
      this.#wake();
    });
    this.#child.on('exit', () => this.#wake());
  }

  tell(command: Command): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** The first answer of this kind that says `value`, or anything. */
  async answer(kind: string, value?: string): Promise<string> {
    const deadline = AbortSignal.timeout(WAIT_MS);
    for (;;) {
      const found = this.said(kind).find((text) => value === undefined || text === value);
      if (found !== undefined) return found;
      if (deadline.aborted || this.#child.exitCode !== null) {
        throw new Error(`no ${kind} ${value ?? ''} in ${JSON.stringify(this.#answers)} ${this.#errors}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        deadline.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** All answers of one kind so far. */
  said(kind: string): string[] {
    return this.#answers.flatMap((answer) => (kind in answer ? [String((answer as Record<string, unknown>)[kind])] : []));
  }

  forget(): void {
    this.#answers.length = 0;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8' });
}

function removeNamespaces(): void {
  for (const { namespace } of [CLIENT, DIRECTOR]) {
    try {
      execFileSync('ip', ['netns', 'del', namespace], { stdio: 'ignore' });
    } catch {
      // It was not there.
    }
  }
}

function makeNamespaces(): void {
  for (const { namespace } of [CLIENT, DIRECTOR]) ip('netns', 'add', namespace);
  const peer = ['peer', 'name', DIRECTOR.interface, 'netns', DIRECTOR.namespace, 'address', DIRECTOR.mac];
  ip('link', 'add', CLIENT.interface, 'netns', CLIENT.namespace, 'address', CLIENT.mac, 'type', 'veth', ...peer);
  for (const host of [CLIENT, DIRECTOR]) {
    const inside = (...words: string[]) => ip('-n', host.namespace, ...words);
    inside('address', 'add', `${host.v4}/24`, 'dev', host.interface);
    inside('address', 'add', `${host.v6}/64`, 'dev', host.interface, 'nodad');
    inside('link', 'set', 'lo', 'up');
    inside('link', 'set', host.interface, 'up');
  }
  ip('-n', DIRECTOR.namespace, 'address', 'add', `${VIP.v4}/32`, 'dev', DIRECTOR.interface);
  ip('-n', DIRECTOR.namespace, 'address', 'add', `${VIP.v6}/128`, 'dev', DIRECTOR.interface, 'nodad');
}

describe.runIf(isRoot)('the selector in the kernel', () => {
  const actors: Actor[] = [];
  let client: Actor;
  const start = (namespace: string, options: ProcessOptions) => {
    const actor = new Actor(namespace, options);
    actors.push(actor);
    return actor;
  };
  const director = (io: ProcessOptions['io']) =>
    start(DIRECTOR.namespace, { interface: DIRECTOR.interface, io, listen: [SERVICE_PORT, HOST_PORT] });

  beforeAll(async () => {
    removeNamespaces();
    makeNamespaces();
    client = new Actor(CLIENT.namespace, { interface: CLIENT.interface, io: 'plain', listen: [] });
    await client.answer('ready');
  });
  afterEach(async () => {
    for (const actor of actors.splice(0)) await actor.kill();
  });
  afterAll(async () => {
    await client?.kill();
    removeNamespaces();
  });

  const send = (...frames: Uint8Array[]) => client.tell({ send: frames.map(toHex) });

  test.each(Object.values(SelectorFlavour))('passes the verifier: %s', (flavour) => {
    const size = { keyBytes: 20, valueBytes: 4, entries: 8 };
    const endpoints = native().mapCreate({ type: 'hash', name: 'uvsbpf', ...size });
    const prefixes = native().mapCreate({ type: 'prefixes', name: 'uvsbpf', ...size, keyBytes: 24 });
    const sockets = native().mapCreate({ type: 'xskmap', name: 'uvsbpf', ...size, keyBytes: 4 });
    const verdicts = native().mapCreate({ type: 'cpuArray', name: 'uvsbpf', keyBytes: 4, valueBytes: 4, entries: 1 });
    const type = { xdp: 'xdp', ingress: 'sched_cls', socket: 'socket_filter' }[flavour] as 'xdp' | 'sched_cls' | 'socket_filter';
    const fds = [undefined, Uint8Array.of(2, 0, 0, 0, 0, 1)].map((mac) => {
      const program = {
        flavour,
        endpoints,
        prefixes,
        ...(flavour === 'xdp' ? { xskMap: sockets } : {}),
        ...(mac ? { mac } : {}),
        ...(mac && flavour !== 'xdp' ? { verdicts } : {}),
      };
      return native().programLoad({ type, name: 'uvsbpf', instructions: selectorProgram(program) });
    });
    expect(fds.every((fd) => fd > 0)).toBe(true);
    for (const fd of [...fds, endpoints, prefixes, sockets, verdicts]) native().closeFd(fd);
  });

  test('what the verifier refuses is told with its log', () => {
    const load = () => native().programLoad({ type: 'xdp', name: 'uvsbpf', instructions: new Uint8Array(16) });
    expect(load).toThrow(/the verifier says:.*exit/s);
  });

  describe.each(['packet', 'xdp'] as const)('on %s', (io) => {
    test('frames of ours reach the port and not the host, all others the host and not the port', async () => {
      const actor = director(io);
      expect(await actor.answer('ready')).toBe(io === 'xdp' ? 'native' : 'packet');
      actor.tell({ facts: FACTS });
      await actor.answer('updated');
      send(...FRAMES.map(([word, , builder]) => marked(builder, word)), tagged(marked(FRAMES[0]![2], 'priorityTag')));
      // One to each socket: behind them nothing is under way.
      const toOtherSocket = fromClient().ipv4({ source: CLIENT.v4, target: DIRECTOR.v4 }).udp({ target: SERVICE_PORT });
      send(marked(FRAMES[0]![2], 'end'), marked(FRAMES[2]![2], 'end'), marked(toOtherSocket, 'endToo'));
      await actor.answer('port', 'end');
      await actor.answer('host', 'end');
      await actor.answer('host', 'endToo');
      const words = (whose: string) => FRAMES.flatMap(([word, of]) => (of === whose ? [word] : []));
      expect(actor.said('port')).toEqual([...words('port'), 'end']);
      expect(actor.said('host').sort()).toEqual([...words('host'), 'priorityTag', 'end', 'endToo'].sort());
    });

    test('the host answers a ping to the virtual address', async () => {
      const actor = director(io);
      await actor.answer('ready');
      actor.tell({ facts: FACTS });
      await actor.answer('updated');
      send(marked(fromClient().ipv4({ source: CLIENT.v4, target: VIP.v4 }).icmp(), `ping4-${io}`));
      send(marked(fromClient().ipv6({ source: CLIENT.v6, target: VIP.v6 }).icmp({ type: 128 }), `ping6-${io}`));
      await client.answer('port', `ping4-${io}`);
      await client.answer('port', `ping6-${io}`);
      expect(actor.said('port')).toEqual([]);
    });

    test("a service that is removed is the host's again", async () => {
      const actor = director(io);
      await actor.answer('ready');
      actor.tell({ facts: FACTS });
      await actor.answer('updated');
      send(marked(FRAMES[0]![2], 'before'));
      await actor.answer('port', 'before');
      actor.forget();
      actor.tell({ facts: NO_FACTS });
      await actor.answer('updated');
      send(marked(FRAMES[0]![2], 'after'));
      await actor.answer('host', 'after');
      expect(actor.said('port')).toEqual([]);
    });

    test('a killed process leaves nothing behind', async () => {
      const killed = director(io);
      await killed.answer('ready');
      killed.tell({ facts: FACTS });
      await killed.answer('updated');
      if (io === 'xdp') expect(linkText()).toContain('prog/xdp');
      await killed.kill();
      const heir = start(DIRECTOR.namespace, { interface: DIRECTOR.interface, io: 'plain', listen: [SERVICE_PORT] });
      await heir.answer('ready');
      send(marked(FRAMES[0]![2], 'toTheHeir'));
      await heir.answer('host', 'toTheHeir');
      expect(linkText()).not.toContain('xdp');
    });
  });

  test('an interface with an XDP program of somebody else is refused with a clear word', async () => {
    const actor = director('xdp');
    await actor.answer('ready');
    actor.tell({ attachAgain: true });
    expect(await actor.answer('refused')).toMatch(/^INTERFACE_UNSUITABLE .*has an XDP program of another owner/);
  });

  test('an interface whose driver has no XDP gets the generic mode', async () => {
    const actor = start(DIRECTOR.namespace, { interface: 'lo', io: 'xdp', listen: [] });
    expect(await actor.answer('ready')).toBe('generic');
  });

  const linkText = () => ip('-n', DIRECTOR.namespace, '-d', 'link', 'show', DIRECTOR.interface);
});
