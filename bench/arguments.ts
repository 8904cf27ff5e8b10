/** The command line of the bench. */
import type { SuiteName } from './figures.ts';

/** In the order in which they run: what disturbs the machine least comes first. */
export const SUITE_NAMES: readonly SuiteName[] = ['micro', 'pipeline', 'control', 'lab', 'latency'];

export interface BenchArguments {
  readonly suites: readonly SuiteName[];
  readonly quick: boolean;
  readonly help: boolean;
  /** Parts of names of peers; empty = all. */
  readonly peers: readonly string[];
  /** Files to write, as given. */
  readonly json: string | undefined;
  readonly html: string | undefined;
}

export const HELP = `npm run bench -- [micro|pipeline|control|lab|latency|all ...] [--quick] [--peers NAMES] [--json FILE] [--html FILE]

  micro      the parts: header parsing, checksums, hash, tables, schedulers; beside the same in C
  pipeline   the whole engine on memory, per frame; beside the same in C
  control    commands of uvsadm against a running director with many services (root)
  lab        packets, connections and bytes per second through namespaces, beside kernel NAT and proxies (root)
  latency    what a director adds to the way of a packet, at rest and under load (root)
  all        all of these: what runs when none is named

  --quick       fewer and shorter runs: shows that everything works, not how fast it is
  --peers NAMES in lab: only those whose names contain one of these, such as "nft jhash,uvs packet"
  --json FILE   machine, options, every figure, and the targets
  --html FILE   one page with charts

Progress goes to standard error, results to standard output. Ctrl-C ends with what was measured until then.
What is measured, how, and how to read it: bench/README.md. Exit code: 0, also when a target is missed; 1 when a suite broke.
`;

type ValueOption = '--json' | '--html' | '--peers';

/** @returns the arguments, or a sentence for the person who typed them */
export function parseArguments(args: readonly string[]): BenchArguments | string {
  const suites = new Set<SuiteName>();
  const values: Record<ValueOption, string | undefined> = { '--json': undefined, '--html': undefined, '--peers': undefined };
  let quick = false;
  let help = false;
  for (let i = 0; i < args.length; i++) {
    const [name = '', inline] = splitOption(args[i]!);
    if (name === '--json' || name === '--html' || name === '--peers') {
      const value = inline ?? args[++i];
      const isMissing = value === undefined || value === '' || (inline === undefined && value.startsWith('-'));
      if (isMissing) return `${name} needs ${name === '--peers' ? 'names' : 'a file'}`;
      values[name] = value;
    } else if (inline !== undefined) return `${name} takes no value`;
    else if (name === '--quick') quick = true;
    else if (name === '--help' || name === '-h') help = true;
    else if (name === 'all') for (const suite of SUITE_NAMES) suites.add(suite);
    else if (isSuiteName(name)) suites.add(name);
    else if (name.startsWith('-')) return `there is no option ${name}`;
    else return `there is no suite ${name}; the suites are ${SUITE_NAMES.join(', ')} and all`;
  }
  const chosen = SUITE_NAMES.filter((name) => suites.size === 0 || suites.has(name));
  const peers = (values['--peers'] ?? '').split(',').flatMap((name) => (name.trim() === '' ? [] : [name.trim()]));
  return { suites: chosen, quick, help, peers, json: values['--json'], html: values['--html'] };
}

/** `--name=value` in two; the second is undefined without `=`. */
function splitOption(arg: string): [string, string | undefined] {
  const equals = arg.startsWith('--') ? arg.indexOf('=') : -1;
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

function isSuiteName(name: string): name is SuiteName {
  return (SUITE_NAMES as readonly string[]).includes(name);
}
