/**
 * The names that the director's host knows: of hosts by /etc/hosts and the resolver, of ports by /etc/services. Whoever asks opens a
 * `NameLookup`, which answers each question once, many at a time, and gives up when its time is over: a resolver that does not answer
 * costs a command some seconds, not some for each name.
 */
import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { formatAddress, parseAddress } from '../base/address.ts';
import { type HostTable, parseHosts, parseSearchDomains, parseServices, type ServiceTable } from './nameFiles.ts';

/** Questions to a resolver; `reverse` takes an address. They reject when there is no answer. */
export interface NameResolver {
  resolve4(name: string): Promise<readonly string[]>;
  reverse(address: string): Promise<readonly string[]>;
  /** Ends all questions. */
  cancel(): void;
}

export interface NameSources {
  /** Content of a file; '' when it cannot be read. */
  readonly read: (path: string) => string;
  readonly openResolver: () => NameResolver;
  /** Calls back once, after so many milliseconds. @returns a function that forgets the call */
  readonly wait: (milliseconds: number, then: () => void) => () => void;
}

/** The host that this process runs on. */
export const HOST_SOURCES: NameSources = {
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  },
  openResolver: () => new Resolver({ timeout: QUESTION_MS, tries: 2 }),
  wait: (milliseconds, then) => {
    const timer = setTimeout(then, milliseconds);
    return () => clearTimeout(timer);
  },
};

const QUESTION_MS = 1000;
/** For all questions of one lookup, from the first one on. */
const LOOKUP_MS = 3000;
/** Questions that wait for an answer at a time. */
const MAX_QUESTIONS = 64;

/** For one command; to be closed. */
export class NameLookup {
  readonly #sources: NameSources;
  readonly #asked = new Map<string, Promise<string | undefined>>();
  readonly #late = Promise.withResolvers<undefined>();
  #isLate = false;
  #cancelWait: (() => void) | undefined;
  #resolver: NameResolver | undefined;
  #questions = 0;
  readonly #queue: (() => void)[] = [];
  #hosts: HostTable | undefined;
  #services: ServiceTable | undefined;

  constructor(sources: NameSources = HOST_SOURCES) {
    this.#sources = sources;
  }

  /** The IPv4 address of a host as an int32 word, or undefined. */
  async addressOf(name: string): Promise<number | undefined> {
    const text = await this.#once(`name ${name.toLowerCase()}`, () => this.#findAddress(name.toLowerCase()));
    const address = text === undefined ? undefined : parseAddress(text);
    return address?.words[3];
  }

  /** The name of a host, or undefined. */
  hostOf(address: string): Promise<string | undefined> {
    const parsed = parseAddress(address);
    const own = parsed === undefined ? address : formatAddress(parsed);
    return this.#once(`address ${own}`, async () => this.#hostTable.names.get(own) ?? this.#ask((r) => r.reverse(own)));
  }

  /** `http`, `tcp` to 80. */
  servicePort(name: string, protocol: string): number | undefined {
    return this.#serviceTable.ports.get(`${name}/${protocol}`);
  }

  /** 80, `tcp` to `http`. */
  serviceOf(port: number, protocol: string): string | undefined {
    return this.#serviceTable.names.get(`${port}/${protocol}`);
  }

  /** Who still waits for an answer has none. */
  close(): void {
    this.#isLate = true;
    this.#cancelWait?.();
    this.#resolver?.cancel();
    this.#late.resolve(undefined);
    for (const begin of this.#queue.splice(0)) begin();
  }

  async #findAddress(name: string): Promise<string | undefined> {
    const known = this.#hostTable.addresses.get(name);
    if (known !== undefined) return known;
    // As resolvers do: a name without a dot is looked for in the host's domains first.
    const domains = name.includes('.') ? [] : parseSearchDomains(this.#sources.read('/etc/resolv.conf'));
    for (const full of [...domains.map((domain) => `${name}.${domain}`), name]) {
      const found = await this.#ask((resolver) => resolver.resolve4(full));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #once(question: string, find: () => Promise<string | undefined>): Promise<string | undefined> {
    const known = this.#asked.get(question);
    if (known !== undefined) return known;
    const answer = find();
    this.#asked.set(question, answer);
    return answer;
  }

  /** The first answer of the resolver; undefined when it has none, or none in time. */
  async #ask(question: (resolver: NameResolver) => Promise<readonly string[]>): Promise<string | undefined> {
    this.#cancelWait ??= this.#sources.wait(LOOKUP_MS, () => this.close());
    if (this.#questions >= MAX_QUESTIONS && !this.#isLate) await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (this.#isLate) return undefined;
    this.#questions++;
    this.#resolver ??= this.#sources.openResolver();
    const answer = question(this.#resolver).then(
      ([first]) => first,
      () => undefined,
    );
    const first = await Promise.race([answer, this.#late.promise]);
    this.#questions--;
    this.#queue.shift()?.();
    return first;
  }

  get #hostTable(): HostTable {
    this.#hosts ??= parseHosts(this.#sources.read('/etc/hosts'));
    return this.#hosts;
  }

  get #serviceTable(): ServiceTable {
    this.#services ??= parseServices(this.#sources.read('/etc/services'));
    return this.#services;
  }
}
