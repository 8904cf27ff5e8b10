/** Which core does the kernel's part of the work: receive threads, receive steering, offloads; and this process itself. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { DIRECTOR_CORE, ENDPOINT_CORE } from './addresses.ts';
import { CLIENT_INTERFACE, SERVER_INTERFACE, type Stage, shellIn } from './stage.ts';

/**
 * Who receives for the director:
 *
 *     napi   threads of the kernel on the director's core (the generator's frames need NAPI at the veth that gets them)
 *     rps    receive steering to the director's core; with XDP, which comes before steering, the threads of `napi`
 *     split  whoever sends: the endpoints' core
 */
export type Placement = 'napi' | 'rps' | 'split';

/** Puts the receive work of the director's interfaces where `placement` says. To be repeated after XDP was attached: new threads. */
export async function place({ director, front, back }: Stage, placement: Placement): Promise<void> {
  const threaded = placement === 'split' ? 0 : 1;
  const steering = placement === 'rps' ? (1 << DIRECTOR_CORE).toString(16) : '0';
  const gro = placement === 'rps' ? 'off' : 'on';
  const lines = [front, back].flatMap((name) => [
    `ethtool -K ${name} gro ${name === front ? gro : 'off'}`,
    // Refused where there is no NAPI: nothing to be put anywhere then.
    `(echo ${threaded} > /sys/class/net/${name}/threaded) 2> /dev/null || true`,
    `echo ${steering} > /sys/class/net/${name}/queues/rx-0/rps_cpus`,
  ]);
  await shellIn(director, `set -e\n${lines.join('\n')}`);
  for (const pid of receiveThreads([front, back])) pin(pid, DIRECTOR_CORE);
}

/** Whether both ends of the wires hand over super-frames and unfinished checksums, as veth does by itself; `auto` sees only its own. */
export async function setOffloads({ client, director, server, front, back }: Stage, areOn: boolean): Promise<void> {
  const state = areOn ? 'on' : 'off';
  // TSO cannot be had while XDP is attached at the other end; that is the port's affair, not a fault.
  const script = (name: string) => `for f in tx tso gso; do ethtool -K ${name} $f ${state} || true; done 2>/dev/null`;
  await Promise.all([
    shellIn(client, script(CLIENT_INTERFACE)),
    shellIn(director, `${script(front)}; ${script(back)}`),
    shellIn(server, script(SERVER_INTERFACE)),
  ]);
}

/** Keeps this process, and what it starts from now on, off the director's core. @returns undoes it */
export function keepOffDirectorCore(): () => void {
  const before = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
  const set = (list: string) => execFileSync('taskset', ['-a', '-p', '-c', list, String(process.pid)], { stdio: 'ignore' });
  set(String(ENDPOINT_CORE));
  return () => void set(before);
}

/** Puts before a command what pins it to the director's core. */
export function onDirectorCore(command: readonly string[]): string[] {
  return ['taskset', '-c', String(DIRECTOR_CORE), ...command];
}

function receiveThreads(interfaces: readonly string[]): number[] {
  const isTheirs = (pid: string): boolean => {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, 'latin1');
      return interfaces.some((each) => name.startsWith(`napi/${each}-`));
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && isTheirs(entry))
    .map(Number);
}

function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-p', '-c', String(core), String(pid)], { stdio: 'ignore' });
}
