/**
 * Flags of schedulers. The kernel keeps three bits per service, which every scheduler accepts; some schedulers give the first ones names
 * (`sh-fallback` is bit 1 of `sh`). Whoever has no name for a bit, or wants none, writes `flag-1` to `flag-3`, as ipvsadm does.
 */
import type { SchedulerPlugin } from './contract.ts';

/** Names of the three bits for any scheduler, lowest first. */
export const FLAG_SYNONYMS: readonly string[] = ['flag-1', 'flag-2', 'flag-3'];

/** Bit of the n-th name in `flags` of a plugin, counted from 0. */
export const FlagBit = { first: 1, second: 2, third: 4 } as const;

/** The bits of these names. A name that neither the scheduler nor every scheduler has counts for nothing. */
export function flagBits(plugin: Pick<SchedulerPlugin, 'flags'>, names: readonly string[]): number {
  let bits = 0;
  for (const name of names) {
    const own = plugin.flags.indexOf(name);
    const bit = own < 0 ? FLAG_SYNONYMS.indexOf(name) : own;
    if (bit >= 0) bits |= 1 << bit;
  }
  return bits;
}

/** What people read for these bits, lowest first: the scheduler's own name where it has one. */
export function flagNames(plugin: Pick<SchedulerPlugin, 'flags'>, bits: number): string[] {
  return FLAG_SYNONYMS.map((synonym, i) => plugin.flags[i] ?? synonym).filter((_name, i) => (bits & (1 << i)) !== 0);
}
