// What the bench needs of set-up, by its arguments; faults in them are the bench's own to tell.

/** Suites that run on the processor alone; the others need namespaces, root, and the tools that they compare with. */
const PLAIN_SUITES = ['micro', 'pipeline'];
/** Needs namespaces, but nobody to compare with. */
const CONTROL_SUITE = 'control';
const LAB_SUITES = ['lab', 'latency', 'all'];

/** @returns the options of `setUp` */
export function benchNeeds(args, isRoot) {
  if (args.some((arg) => arg === '--help' || arg === '-h')) return { native: 'unneeded' };
  const names = args.filter((arg) => [...PLAIN_SUITES, CONTROL_SUITE, ...LAB_SUITES].includes(arg));
  const isCompared = names.length === 0 || names.some((name) => LAB_SUITES.includes(name));
  const isPlain = names.length > 0 && names.every((name) => PLAIN_SUITES.includes(name));
  if (isPlain || !isRoot) return { native: 'wanted' };
  if (!isCompared) return { purposes: ['demo'], native: 'needed' };
  return { purposes: ['bench'], native: 'needed' };
}
