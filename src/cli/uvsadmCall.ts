/** A command line of uvsadm within the director: names first, which take time, then the command itself, which does not wait for any. */
import type { CommandOutput } from '../api/commandStream.ts';
import type { UvsadmCall } from '../api/routes.ts';
import { NameLookup, type NameSources } from '../network/hostNames.ts';
import type { UvsadmDirector } from '../uvsadm/director.ts';
import { parseCommand } from '../uvsadm/parseCommand.ts';
import { runUvsadm } from '../uvsadm/runUvsadm.ts';
import type { Names } from '../uvsadm/values.ts';

/** Stands for an address that is not known yet, so that reading goes on to the next name. */
const SOME_ADDRESS = 1;
/** A line of a restore that may name a host: a word that begins with a letter, alone or joined to an option. */
const MAY_NAME_HOST = /(?:^|\s)(?:-\w*[a-z]|--[\w-]+=)?\[?[a-z_]/i;

/** @returns the exit code, when all it says has been written */
export async function answerUvsadm(
  { args, program, input }: UvsadmCall,
  director: UvsadmDirector,
  output: CommandOutput,
  sources?: NameSources,
): Promise<number> {
  const lookup = new NameLookup(sources);
  try {
    const hosts = await lookUp([args, ...linesOf(input)], lookup);
    const names: Names = { host: (name) => hosts.get(name), servicePort: (name, protocol) => lookup.servicePort(name, protocol) };
    return await runUvsadm({ args, program, input, names, reverseNames: lookup }, director, output);
  } finally {
    lookup.close();
  }
}

/** The lines of a restore, as far as they may name hosts. */
function linesOf(input: string): string[][] {
  if (input === '') return [];
  return input
    .split('\n')
    .filter((line) => MAY_NAME_HOST.test(line.replace(/\s-s\s+\S+/, ' ')))
    .map((line) => line.trim().split(/\s+/));
}

/** Finds the addresses of all names of hosts in the command lines, at a time. */
async function lookUp(lines: readonly (readonly string[])[], lookup: NameLookup): Promise<ReadonlyMap<string, number>> {
  const wanted = new Set<string>();
  const host = (name: string) => {
    wanted.add(name);
    return SOME_ADDRESS;
  };
  const names: Names = { host, servicePort: (name, protocol) => lookup.servicePort(name, protocol) };
  for (const line of lines) parseCommand(line, { program: '', names });
  const found = await Promise.all([...wanted].map(async (name) => [name, await lookup.addressOf(name)] as const));
  return new Map(found.flatMap(([name, address]) => (address === undefined ? [] : [[name, address] as const])));
}
