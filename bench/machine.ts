/** On what the figures were measured: they mean nothing without it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** True inside a virtual machine, as far as the processor says. */
  readonly virtual: boolean;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Of the kernel: vulnerability -> what is done against it. Those that do not affect this processor are left out. */
  readonly mitigations: Readonly<Record<string, string>>;
  /** What the host does about huge pages: always, madvise or never. */
  readonly hugePages: string;
  readonly node: string;
  readonly v8: string;
  /** Flags of this Node, in the order given. */
  readonly v8Flags: readonly string[];
  /** Of this checkout; with `+` when there are changes. Empty outside of a repository. */
  readonly commit: string;
}

export function readMachine(): Machine {
  const model = cpus()[0]?.model ?? '';
  return {
    cpu: model === '' || model === 'unknown' ? process.arch : model,
    cores: availableParallelism(),
    virtual: /^flags.*\bhypervisor\b/m.test(readText('/proc/cpuinfo')),
    memoryBytes: totalmem(),
    kernel: release(),
    mitigations: readMitigations('/sys/devices/system/cpu/vulnerabilities'),
    hugePages: /\[(\w+)\]/.exec(readText('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1] ?? '',
    node: process.versions.node,
    v8: process.versions.v8,
    v8Flags: [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ').filter((flag) => flag !== '')],
    commit: readCommit(),
  };
}

/** The machine in one line. */
export function describeMachine(m: Machine): string {
  const memory = `${Math.round(m.memoryBytes / 2 ** 30)} GiB`;
  const kind = m.virtual ? 'virtual machine' : 'no virtual machine';
  const commit = m.commit === '' ? '' : `, commit ${m.commit}`;
  return `${m.cpu}, ${m.cores} cores, ${memory}, ${kind}, kernel ${m.kernel}, Node ${m.node}${commit}`;
}

function readMitigations(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of list(folder)) {
    const text = readText(`${folder}/${name}`).trim();
    if (text !== '' && text !== 'Not affected') found[name] = text;
  }
  return found;
}

function readCommit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+');
  } catch {
    return '';
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Empty when there is no such file. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
