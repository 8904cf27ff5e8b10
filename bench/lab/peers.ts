/** Who is measured: UVS in its variants, and what people use instead. Each is started in the director's namespace of its own stage. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataPlaneStatus } from '../../src/dataplane/messages.ts';
import { type LabProcess, startInNamespace } from '../../src/lab/labProcess.ts';
import { namespaceProcesses } from '../../src/lab/namespaces.ts';
import * as plan from './addresses.ts';
import { haproxyConfig, ipvsScript, nftDropRules, nftDsrRules, nftRules, nginxStreamConfig } from './peerConfigs.ts';
import { onDirectorCore } from './placement.ts';
import { feedIn, type Stage, shellIn } from './stage.ts';

/** What clients do. `frames`: the generator's small frames, all work on the director's core; `split`: received on the other core. */
export type Load = 'frames' | 'split' | 'connections' | 'keep-alive' | 'up' | 'down' | 'udp';
/** How packets reach a real server; `none` = the client sends to it itself, `proxy` = a second connection. */
export type Method = 'none' | 'masq' | 'route' | 'proxy';

export interface RunningPeer {
  /** Of the director; none where the kernel is it. */
  readonly pids: readonly number[];
  /** Makes it stand still while others are measured, and go on. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => Promise<void>;
  /** How many connections the director holds; absent where that cannot be asked. */
  readonly connectionCount?: () => Promise<number>;
  /** What else UVS says of itself. */
  readonly status?: () => Promise<DataPlaneStatus>;
}

export interface Peer {
  /** `nft jhash DNAT`, `uvs packet adaptive`: unique. */
  readonly name: string;
  readonly io: 'packet' | 'xdp' | 'kernel' | 'proxy' | 'pcap';
  /** `spin`, `adaptive`, `block`; empty for others. */
  readonly wait: string;
  /** What it is measured with. */
  readonly loads: Readonly<Partial<Record<Method, readonly Load[]>>>;
  /** Part of a quick run. */
  readonly isMain: boolean;
  /** Rejects with the reason when this machine does not have it. */
  readonly start: (stage: Stage, folder: string) => Promise<RunningPeer>;
}

/** Where clients of a method send. */
export function serviceAddress(method: Method): string {
  switch (method) {
    case 'none':
      return plan.REAL_SERVERS[0];
    case 'route':
      return plan.ROUTE_ADDRESS;
    case 'masq':
    case 'proxy':
      return plan.MASQ_ADDRESS;
  }
}

/** Where the generator's frames of a method go. */
export function sinkAddress(method: Method): string {
  return method === 'none' ? plan.SINK : serviceAddress(method);
}

const ALL_LOADS: readonly Load[] = ['frames', 'split', 'connections', 'keep-alive', 'up', 'down', 'udp'];
const TCP_LOADS: readonly Load[] = ['connections', 'keep-alive', 'up', 'down'];

/** All but UVS. */
export function otherPeers(): readonly Peer[] {
  const kernel = { io: 'kernel', wait: '', isMain: false } as const;
  const proxy = { loads: { proxy: TCP_LOADS }, io: 'proxy', wait: '', isMain: true } as const;
  return [
    { ...kernel, name: 'kernel routing', loads: { none: ALL_LOADS }, isMain: true, start: async () => inKernel() },
    { ...kernel, name: 'ipvs', loads: { masq: ALL_LOADS, route: ['frames', 'connections'] }, start: startIpvs },
    { ...kernel, name: NFT_PEER, loads: { masq: ALL_LOADS }, isMain: true, start: (stage) => startNft(stage, 'jhash') },
    {
      ...kernel,
      name: 'nft numgen DNAT',
      loads: { masq: ['connections'] },
      start: (stage) => startNft(stage, 'numgen'),
    },
    { ...kernel, name: 'nft ingress DSR', loads: { route: ['frames', 'connections'] }, start: startNftDsr },
    { ...proxy, name: 'HAProxy TCP', start: startHaproxy },
    { ...proxy, name: 'nginx stream', start: startNginxStream },
    { ...proxy, name: 'Node net proxy', isMain: false, start: startNodeProxy },
    { name: 'libpcap by cap', loads: { route: ['frames'] }, io: 'pcap', wait: '', isMain: false, start: startPcap },
  ];
}

/** The stand-in for IPVS, against which most targets are. */
export const NFT_PEER = 'nft jhash DNAT';

/** A process as a peer. `pids` may be more than one when it has started others. */
export function asPeer(process: LabProcess, canPause: boolean, pids: readonly number[] = [process.pid]): RunningPeer {
  const signal = (name: NodeJS.Signals) => {
    for (const pid of canPause ? pids : []) globalThis.process.kill(pid, name);
  };
  return {
    pids,
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    stop: async () => {
      signal('SIGCONT');
      await process.stop();
    },
  };
}

function inKernel(): RunningPeer {
  return { pids: [], pause: () => {}, resume: () => {}, stop: async () => {} };
}

async function startNft({ director }: Stage, choice: 'jhash' | 'numgen'): Promise<RunningPeer> {
  await feedIn(director, ['nft', '-f', '-'], nftRules(choice));
  return inKernel();
}

async function startNftDsr(stage: Stage): Promise<RunningPeer> {
  await feedIn(stage.director, ['nft', '-f', '-'], nftDsrRules(stage));
  return inKernel();
}

async function startIpvs({ director }: Stage): Promise<RunningPeer> {
  if (!existsSync('/proc/net/ip_vs')) throw new Error('this kernel has no IPVS');
  await shellIn(director, ipvsScript());
  return inKernel();
}

async function startHaproxy({ director }: Stage, folder: string): Promise<RunningPeer> {
  const file = join(folder, `${director}-haproxy.cfg`);
  writeFileSync(file, haproxyConfig());
  return startProxy(director, ['haproxy', '-db', '-f', file]);
}

async function startNginxStream({ director }: Stage, folder: string): Promise<RunningPeer> {
  const file = join(folder, `${director}-nginx.conf`);
  writeFileSync(file, nginxStreamConfig(folder, director));
  return startProxy(director, ['nginx', '-e', 'stderr', '-p', folder, '-c', file]);
}

async function startNodeProxy({ director }: Stage): Promise<RunningPeer> {
  return startProxy(director, [process.execPath, join(import.meta.dirname, 'nodeProxy.ts')]);
}

async function startPcap({ director, front, back }: Stage): Promise<RunningPeer> {
  if (!existsSync(join(import.meta.dirname, '..', '..', 'node_modules', 'cap'))) {
    throw new Error('the package cap is not installed (npm run setup -- --with-cap)');
  }
  // libpcap is a tap: the host's own copies must go no further, as with our ports.
  await feedIn(director, ['nft', '-f', '-'], nftDropRules(front));
  const script = join(import.meta.dirname, 'pcapForwarder.ts');
  return startProxy(director, [process.execPath, script, front, back], true);
}

/** What a proxy takes to listen; whether it really answers is measured before it counts. */
const PROXY_START_MS = 500;

async function startProxy(director: string, command: readonly string[], canPause = false): Promise<RunningPeer> {
  const started = startInNamespace(director, onDirectorCore(command));
  const end = await Promise.race([started.ended, delay(PROXY_START_MS)]);
  if (end !== undefined) throw new Error(`${command[0]} ended with ${end}: ${started.lastWords()}`);
  return asPeer(started, canPause, await namespaceProcesses(director));
}
