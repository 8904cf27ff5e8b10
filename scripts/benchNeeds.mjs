// What the bench needs of set-up, by its arguments; faults in them are the bench's own to tell.

/** Suites that run on the processor alone; the others need namespaces, root, and the tools that they compare with. */
const PLAIN_SUITES = ['micro', 'pipeline'];
const LAB_SUITES = ['lab', 'latency', 'all'];

/** @returns the options of `setUp` */
export function benchNeeds(args, isRoot) {
  if (args.some((arg) => arg === '--help' || arg === '-h')) return { native: 'unneeded' };
  const isPlain = args.some((arg) => PLAIN_SUITES.includes(arg)) && !args.some((arg) => LAB_SUITES.includes(arg));
  if (isPlain || !isRoot) return { native: 'wanted' };
  return { purposes: ['bench'], native: 'needed' };
}
