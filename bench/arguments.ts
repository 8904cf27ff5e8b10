/** The command line of the bench. */
import type { SuiteName } from './figures.ts';

/** In the order in which they run: what disturbs the machine least comes first. */
export const SUITE_NAMES: readonly SuiteName[] = ['micro', 'pipeline', 'lab', 'latency'];

export interface BenchArguments {
  readonly suites: readonly SuiteName[];
  readonly quick: boolean;
  readonly help: boolean;
  /** Files to write, as given. */
  readonly json: string | undefined;
  readonly html: string | undefined;
}

export const HELP = `npm run bench -- [micro|pipeline|lab|latency|all ...] [--quick] [--json FILE] [--html FILE]

  micro      the parts: header parsing, checksums, hash, tables, schedulers; beside the same in C
  pipeline   the whole engine on memory, per frame; beside the same in C
  lab        packets, connections and bytes per second through namespaces, beside kernel NAT and proxies (root)
  latency    what a director adds to the way of a packet, at rest and under load (root)
  all        all of these: what runs when none is named

  --quick       fewer and shorter runs: shows that everything works, not how fast it is
  --json FILE   machine, options, every figure, and the targets
  --html FILE   one page with charts

Progress goes to standard error, results to standard output. Ctrl-C ends with what was measured until then.
What is measured, how, and how to read it: bench/README.md. Exit code: 0, also when a target is missed; 1 when a suite broke.
`;

/** @returns the arguments, or a sentence for the person who typed them */
export function parseArguments(args: readonly string[]): BenchArguments | string {
  const suites = new Set<SuiteName>();
  const files: Record<'--json' | '--html', string | undefined> = { '--json': undefined, '--html': undefined };
  let quick = false;
  let help = false;
  for (let i = 0; i < args.length; i++) {
    const [name = '', inline] = splitOption(args[i]!);
    if (name === '--json' || name === '--html') {
      const file = inline ?? args[++i];
      if (file === undefined || file === '' || (inline === undefined && file.startsWith('-'))) return `${name} needs a file`;
      files[name] = file;
    } else if (inline !== undefined) return `${name} takes no value`;
    else if (name === '--quick') quick = true;
    else if (name === '--help' || name === '-h') help = true;
    else if (name === 'all') for (const suite of SUITE_NAMES) suites.add(suite);
    else if (isSuiteName(name)) suites.add(name);
    else if (name.startsWith('-')) return `there is no option ${name}`;
    else return `there is no suite ${name}; the suites are ${SUITE_NAMES.join(', ')} and all`;
  }
  const chosen = SUITE_NAMES.filter((name) => suites.size === 0 || suites.has(name));
  return { suites: chosen, quick, help, json: files['--json'], html: files['--html'] };
}

/** `--name=value` in two; the second is undefined without `=`. */
function splitOption(arg: string): [string, string | undefined] {
  const equals = arg.startsWith('--') ? arg.indexOf('=') : -1;
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

function isSuiteName(name: string): name is SuiteName {
  return (SUITE_NAMES as readonly string[]).includes(name);
}
