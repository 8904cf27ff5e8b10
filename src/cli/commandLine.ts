/** Command lines: parsed by node:util, complained about in our words. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { UvsError } from '../base/errors.ts';
import { nearestName } from '../config/nearestName.ts';

/** What a command takes. */
export interface CommandSyntax<Options extends ParseArgsOptionsConfig> {
  /** As it is typed: "uvs run". */
  readonly name: string;
  readonly options: Options;
  /** Names of the arguments that are not options; all of them must be given. */
  readonly positionals: readonly string[];
}

/** Every command has these. */
const COMMON_OPTIONS = { help: { type: 'boolean', short: 'h' } } as const satisfies ParseArgsOptionsConfig;

/** Options with their values, and positional arguments in the order of the syntax. Throws UvsError USAGE. */
export function parseCommandLine<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  syntax: CommandSyntax<Options>,
) {
  const options = { ...COMMON_OPTIONS, ...syntax.options };
  const parsed = parse([...args], options, syntax);
  const wantsHelp = (parsed.values as { help?: boolean }).help === true;
  const { positionals } = parsed;
  const missing = syntax.positionals[positionals.length];
  if (!wantsHelp && missing !== undefined) throw usage(syntax, `${missing} is missing`);
  if (positionals.length > syntax.positionals.length) {
    throw usage(syntax, `unexpected argument "${positionals[syntax.positionals.length]}"`);
  }
  return { values: parsed.values, positionals, wantsHelp };
}

/** @throws UvsError USAGE when `text` is no integer in this range */
export function integerOption(text: string, option: string, from: number, to: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new UvsError('USAGE', `${option} takes an integer from ${from} to ${to}, not "${text}"`);
}

/** @throws UvsError USAGE when `text` is none of `words` */
export function wordOption<Word extends string>(text: string, option: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  const near = nearestName(text, words);
  const details = near === undefined ? {} : { hint: `Did you mean ${near}?` };
  throw new UvsError('USAGE', `${option} takes one of ${words.join(', ')}, not "${text}"`, details);
}

function parse<Options extends ParseArgsOptionsConfig>(
  args: string[],
  options: Options,
  syntax: CommandSyntax<ParseArgsOptionsConfig>,
) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const unknown = /^Unknown option '(--?[^']+)'/.exec(cause.message)?.[1];
    if (unknown === undefined) throw usage(syntax, firstSentence(cause.message));
    const near = nearestName(unknown.replace(/^-+/, ''), Object.keys(options));
    throw usage(syntax, `unknown option ${unknown}`, near && `Did you mean --${near}?`);
  }
}

function usage(
  syntax: CommandSyntax<ParseArgsOptionsConfig>,
  message: string,
  hint = `Run \`${syntax.name} --help\`.`,
): UvsError {
  return new UvsError('USAGE', `${syntax.name}: ${message}`, { hint });
}

function firstSentence(message: string): string {
  const sentence = message.split(/\.\s|\n/)[0] ?? message;
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '');
}
