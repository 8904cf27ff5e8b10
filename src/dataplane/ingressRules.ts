/**
 * Classification rules name the interface that a packet came in by as a port. An interface that has several receive queues of AF_XDP is
 * several ports, of which the control side knows the first: a rule for it is a rule for each of them.
 */
import type { ClassificationRule, TableAction } from '../table/actions.ts';

/** @param names of the interface of each port @returns the actions, with rules for every port of their interface */
export function forEveryQueue(actions: readonly TableAction[], names: readonly string[]): readonly TableAction[] {
  return actions.map((action) =>
    action.kind === 'setClassification' ? { ...action, rules: action.rules.flatMap((rule) => rulesOf(rule, names)) } : action,
  );
}

function rulesOf(rule: ClassificationRule, names: readonly string[]): readonly ClassificationRule[] {
  const { port } = rule;
  if (port === undefined) return [rule];
  return names.flatMap((name, i) => (name === names[port] ? [{ ...rule, port: i }] : []));
}
