/** Whether the options that were given go together, by the tables of optionTable.ts; one fault is reported, the first. */
import type { Refusal } from './command.ts';
import { usage } from './messages.ts';
import {
  COMMAND_OPTIONS,
  type Combination,
  type CommandName,
  OPTIONS,
  type OptionName,
  TUNNEL_OPTIONS,
  TUNNEL_TYPES,
} from './optionTable.ts';

/** For the options of a command. */
export function judgeCommand(
  command: Exclude<CommandName, 'help' | 'version'>,
  given: ReadonlySet<OptionName>,
): Refusal | undefined {
  return judge(OPTIONS, given, COMMAND_OPTIONS[command], `'${command}' command`);
}

/** For the tunnel options of `-a` and `-e`. */
export function judgeTunnel(type: keyof typeof TUNNEL_TYPES, given: ReadonlySet<OptionName>): Refusal | undefined {
  return judge(TUNNEL_OPTIONS, given, TUNNEL_TYPES[type], `'${type}' tunnel type`);
}

/** For what only `-L` forbids. */
export function judgeList(given: ReadonlySet<OptionName>): Refusal | undefined {
  const has = (...names: OptionName[]): boolean => names.some((name) => given.has(name));
  const countsNothing = has('connection', 'timeout', 'daemon') && has('stats', 'rate', 'thresholds');
  const hasNoPersistence = has('timeout', 'daemon') && has('persistent-conn');
  return countsNothing || hasNoPersistence ? usage('options conflicts in the list command') : undefined;
}

function judge<Name extends OptionName>(
  order: readonly Name[],
  given: ReadonlySet<OptionName>,
  { needs = [], allows = [], oneOf = [] }: Combination<Name>,
  where: string,
): Refusal | undefined {
  let chosen: Name | undefined;
  for (const name of order) {
    if (!given.has(name)) {
      if (needs.includes(name)) return usage(`You need to supply the '${name}' option for the ${where}`);
    } else if (oneOf.includes(name)) {
      if (chosen !== undefined) {
        return usage(`The option '${name}' conflicts with the '${chosen}' option in the ${where}`);
      }
      chosen = name;
    } else if (!needs.includes(name) && !allows.includes(name)) {
      return usage(`Illegal '${name}' option with the ${where}`);
    }
  }
  return undefined;
}
