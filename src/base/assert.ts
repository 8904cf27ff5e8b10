/** For what only a mistake of ours can break: lets the process crash, and the supervisor restart the worker. */
export function assert(condition: boolean, whatMustHold: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${whatMustHold}`);
}
