/** One stage of the lab: client, director and real server in three namespaces, joined by veth pairs. One director, one stage. */
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { commandLine, listNamespaces, removeNamespaces, runIp } from '../../src/lab/namespaces.ts';
import * as plan from './addresses.ts';

export interface Stage {
  readonly client: string;
  readonly director: string;
  readonly server: string;
  /** Interfaces of the director's namespace, towards the clients and towards the real servers; unique on the machine. */
  readonly front: string;
  readonly back: string;
}

/** Interfaces of the client's and of the real server's namespace. */
export const CLIENT_INTERFACE = 'ubc';
export const SERVER_INTERFACE = 'ubr';

const PREFIX = 'uvsbench';
let stagesMade = 0;

/** Builds a stage. Rejects with LAB_FAILED, and then leaves nothing. */
export async function openStage(): Promise<Stage> {
  stagesMade++;
  const name = (host: string) => `${PREFIX}-${process.pid}-${stagesMade}${host}`;
  const stage: Stage = {
    client: name('c'),
    director: name('d'),
    server: name('r'),
    front: `ub${stagesMade}f`,
    back: `ub${stagesMade}b`,
  };
  try {
    await runIp(['-batch', '-'], lines(hostLines(stage)));
    const inside = [clientLines(), directorLines(stage), serverLines()];
    const hosts = [stage.client, stage.director, stage.server];
    await Promise.all(hosts.map((host) => shellIn(host, SETTINGS)));
    await Promise.all(hosts.map((host, i) => runIp(['-n', host, '-batch', '-'], lines(inside[i]!))));
    return stage;
  } catch (error) {
    await closeStage(stage);
    throw error;
  }
}

/** Ends what still runs in it, and removes it. */
export async function closeStage(stage: Stage): Promise<void> {
  await removeNamespaces([stage.client, stage.director, stage.server].filter((host) => listNamespaces().includes(host)));
}

/** Removes the stages of benches that were killed. */
export async function removeLeftStages(): Promise<void> {
  const isLeft = (namespace: string): boolean => {
    const owner = new RegExp(`^${PREFIX}-(\\d+)-\\d+[cdr]$`).exec(namespace)?.[1];
    return owner !== undefined && Number(owner) !== process.pid && commandLine(Number(owner)) === '';
  };
  await removeNamespaces(listNamespaces().filter(isLeft));
}

/** Runs a command in a namespace and gives back what it printed. Rejects when it fails or takes too long. */
export function runIn(namespace: string, command: readonly string[], timeoutMs = 10_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, maxBuffer: 1 << 24, killSignal: 'SIGKILL' } as const;
    execFile('ip', ['netns', 'exec', namespace, ...command], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command.join(' ')}: ${(stderr || stdout || error.message).trim().slice(-400)}`, { cause: error }));
    });
  });
}

/** As `runIn`, with a script for sh. */
export function shellIn(namespace: string, script: string): Promise<string> {
  return runIn(namespace, ['sh', '-c', script]);
}

/** Runs a command with a text as its standard input. */
export function feedIn(namespace: string, command: readonly string[], input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['pipe', 'ignore', 'pipe'] });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words += text;
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command.join(' ')}: ${words.trim()}`))));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Frames that an interface has received, read from outside its namespace. @param pid a process inside */
export function receivedFrames(pid: number, name: string): number {
  const line = readFileSync(`/proc/${pid}/net/dev`, 'latin1')
    .split('\n')
    .find((each) => each.trim().startsWith(`${name}:`));
  return Number(line?.split(':')[1]?.trim().split(/\s+/)[1] ?? Number.NaN);
}

/** Rules of the kernel that would disturb: source checks, redirects, IPv6 chatter, short tables and long memories. */
const SETTINGS = `
for scope in all default; do
  echo 0 > /proc/sys/net/ipv4/conf/$scope/rp_filter
  echo 0 > /proc/sys/net/ipv4/conf/$scope/send_redirects
  echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6
done
echo 1 > /proc/sys/net/ipv4/ip_forward
echo '1024 65535' > /proc/sys/net/ipv4/ip_local_port_range
echo 4096 > /proc/sys/net/core/somaxconn
# Not the machine's choice: pacing (bbr) would be measured instead of the director.
echo cubic > /proc/sys/net/ipv4/tcp_congestion_control || echo reno > /proc/sys/net/ipv4/tcp_congestion_control
echo 4096 > /proc/sys/net/ipv4/tcp_max_syn_backlog
# Neighbours stay known for hours, for nobody answers for the sinks.
for file in /proc/sys/net/ipv4/neigh/*/base_reachable_time_ms; do echo 36000000 > $file; done
for state in time_wait close close_wait fin_wait last_ack; do
  file=/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_$state
  if [ -e $file ]; then echo 5 > $file; fi
done
ip link set lo up
`;

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}

function hostLines({ client, director, server, front, back }: Stage): string[] {
  const pair = (a: string, aHost: string, aMac: string, b: string, bHost: string, bMac: string) =>
    `link add ${a} address ${aMac} netns ${aHost} type veth peer name ${b} address ${bMac} netns ${bHost}`;
  return [
    ...[client, director, server].map((host) => `netns add ${host}`),
    pair(CLIENT_INTERFACE, client, plan.MAC.client, front, director, plan.MAC.front),
    pair(back, director, plan.MAC.back, SERVER_INTERFACE, server, plan.MAC.server),
    pair('ubw', client, '02:00:00:91:01:01', 'ubx', server, '02:00:00:91:01:02'),
  ];
}

function clientLines(): string[] {
  return [
    `addr add ${plan.CLIENT_ADDRESS}/24 dev ${CLIENT_INTERFACE}`,
    `link set ${CLIENT_INTERFACE} up`,
    `addr add ${plan.WIRE_CLIENT}/24 dev ubw`,
    'link set ubw up',
    `route add default via ${plan.DIRECTOR_FRONT}`,
    ...[plan.DIRECTOR_FRONT, plan.MASQ_ADDRESS, plan.ROUTE_ADDRESS].map((address) =>
      neighbour(address, plan.MAC.front, CLIENT_INTERFACE),
    ),
    neighbour(plan.WIRE_SERVER, '02:00:00:91:01:02', 'ubw'),
  ];
}

function directorLines({ front, back }: Stage): string[] {
  return [
    `addr add ${plan.DIRECTOR_FRONT}/24 dev ${front}`,
    `addr add ${plan.MASQ_ADDRESS}/32 dev ${front}`,
    `addr add ${plan.ROUTE_ADDRESS}/32 dev ${front}`,
    `link set ${front} up`,
    `addr add ${plan.DIRECTOR_BACK}/24 dev ${back}`,
    `link set ${back} up`,
    neighbour(plan.CLIENT_ADDRESS, plan.MAC.client, front),
    neighbour(plan.FLOW_GATEWAY, plan.MAC.nobody, front),
    `route add ${plan.FLOW_NETWORK} via ${plan.FLOW_GATEWAY}`,
    ...plan.REAL_SERVERS.map((address) => neighbour(address, plan.MAC.server, back)),
    neighbour(plan.SINK, plan.MAC.nobody, back),
  ];
}

function serverLines(): string[] {
  return [
    ...plan.REAL_SERVERS.map((address) => `addr add ${address}/24 dev ${SERVER_INTERFACE}`),
    `link set ${SERVER_INTERFACE} up`,
    `addr add ${plan.WIRE_SERVER}/24 dev ubx`,
    'link set ubx up',
    `addr add ${plan.ROUTE_ADDRESS}/32 dev lo`,
    `route add default via ${plan.DIRECTOR_BACK}`,
    neighbour(plan.DIRECTOR_BACK, plan.MAC.back, SERVER_INTERFACE),
    neighbour(plan.WIRE_CLIENT, '02:00:00:91:01:01', 'ubx'),
    `route add default via ${plan.WIRE_CLIENT} table 100`,
    `rule add from ${plan.ROUTE_ADDRESS} lookup 100`,
  ];
}

function neighbour(address: string, mac: string, device: string): string {
  return `neigh replace ${address} lladdr ${mac} dev ${device} nud reachable`;
}
