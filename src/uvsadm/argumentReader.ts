/**
 * Reads a command line as popt does, which ipvsadm is built with: long options with `=` or a value behind them, short ones joined
 * (`-ln`, `-gw7`), no abbreviations, other words anywhere between. A value that is asked for is taken whatever it looks like, one that
 * may be left out only if it does not begin with a dash.
 */
import type { Refusal } from './command.ts';
import { missingArgument, unknownOption, unwantedArgument } from './messages.ts';
import { WORDS, type Word } from './optionTable.ts';

/** One word of the option table as it occurs. */
export interface Occurrence {
  readonly word: Word;
  /** The last argument that was taken for it: where it stands itself, or its value, if that stands behind. */
  readonly typed: string;
  /** Undefined when it takes none, or none was given. */
  readonly value: string | undefined;
}

const BY_LONG = new Map(WORDS.map((word) => [word.long, word]));
const BY_SHORT = new Map(WORDS.filter((word) => word.short !== '').map((word) => [word.short, word]));

export class ArgumentReader {
  readonly #args: readonly string[];
  #next = 0;
  /** The argument whose joined short options are being read, and how far. */
  #joined = '';
  #joinedAt = 0;
  #onlyWords = false;
  /** Arguments that are no options, in order. */
  readonly words: string[] = [];

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** @returns undefined at the end */
  read(): Occurrence | Refusal | undefined {
    if (this.#joinedAt > 0) return this.#readShort();
    while (this.#next < this.#args.length) {
      const typed = this.#args[this.#next++]!;
      if (this.#onlyWords || !typed.startsWith('-') || typed === '-') this.words.push(typed);
      else if (typed === '--') this.#onlyWords = true;
      else if (typed.startsWith('--')) return this.#readLong(typed);
      else {
        this.#joined = typed;
        this.#joinedAt = 1;
        return this.#readShort();
      }
    }
    return undefined;
  }

  #readLong(typed: string): Occurrence | Refusal {
    const equals = typed.indexOf('=');
    const word = BY_LONG.get(typed.slice(2, equals === -1 ? undefined : equals));
    if (word === undefined) return unknownOption(typed);
    if (equals === -1) return this.#withValue(word, typed, undefined);
    return word.takes === 'nothing' ? unwantedArgument(typed) : { word, typed, value: typed.slice(equals + 1) };
  }

  #readShort(): Occurrence | Refusal {
    const typed = this.#joined;
    const word = BY_SHORT.get(typed[this.#joinedAt]!);
    const rest = typed.slice(this.#joinedAt + 1);
    this.#joinedAt = rest === '' || word === undefined || word.takes !== 'nothing' ? 0 : this.#joinedAt + 1;
    if (word === undefined) return unknownOption(typed);
    if (word.takes === 'nothing' && rest.startsWith('=')) return unwantedArgument(typed);
    if (word.takes === 'nothing' || rest === '') return this.#withValue(word, typed, undefined);
    return { word, typed, value: rest.startsWith('=') ? rest.slice(1) : rest };
  }

  #withValue(word: Word, typed: string, value: string | undefined): Occurrence | Refusal {
    const following = this.#args[this.#next];
    if (word.takes === 'nothing') return { word, typed, value };
    if (following === undefined || (word.takes === 'optional' && following.startsWith('-'))) {
      return word.takes === 'optional' ? { word, typed, value } : missingArgument(typed);
    }
    this.#next++;
    return { word, typed: following, value: following };
  }
}
