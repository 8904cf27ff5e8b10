/**
 * Which slot of the shared counts a destination has: the same in all workers, and the same again when it was removed and comes back,
 * for its connections may have stayed.
 */
import { assert } from '../base/assert.ts';
import { formatDestinationKey, formatServiceKey, type ServiceKey, type TableAction } from '../table/actions.ts';

/** Slots that a director needs: destinations that are removed keep theirs for as long as there is room. */
export function loadSlotCount(limits: { readonly destinations: number }): number {
  return 2 * limits.destinations;
}

export class LoadSlots {
  readonly #count: number;
  /** By service, then by destination. */
  readonly #used = new Map<string, Map<string, number>>();
  /** Those of removed destinations, by both names; the one that was removed first comes first. */
  readonly #left = new Map<string, number>();
  #next = 0;

  /** @param count of slots: more than there can be destinations */
  constructor(count: number) {
    this.#count = count;
  }

  /** The actions, with a slot for every addition. To be followed by `applied`, unless they are refused. */
  assign(actions: readonly TableAction[]): TableAction[] {
    return actions.map((action) => {
      if (action.kind !== 'addDestination') return action;
      const service = formatServiceKey(action.service);
      return { ...action, loadSlot: this.#slotOf(service, formatDestinationKey(action.destination)) };
    });
  }

  /** What the actions have removed, and not added again, may lose its slot from now on, when no other is left. */
  applied(actions: readonly TableAction[]): void {
    for (const action of actions) {
      if (action.kind === 'addDestination') {
        this.#slotOf(formatServiceKey(action.service), formatDestinationKey(action.destination));
      }
      if (action.kind === 'removeService') this.#leaveAll(action.service);
      if (action.kind === 'removeDestination') {
        this.#leave(formatServiceKey(action.service), formatDestinationKey(action.destination));
      }
    }
  }

  #slotOf(service: string, destination: string): number {
    const name = nameOf(service, destination);
    const slots = this.#used.get(service) ?? new Map<string, number>();
    const slot = slots.get(destination) ?? this.#left.get(name) ?? this.#take();
    this.#left.delete(name);
    this.#used.set(service, slots.set(destination, slot));
    return slot;
  }

  /** A new one, or that of the destination which was removed longest ago. */
  #take(): number {
    if (this.#next < this.#count) return this.#next++;
    const [oldest] = this.#left;
    assert(oldest !== undefined, 'there are more slots than destinations');
    this.#left.delete(oldest[0]);
    return oldest[1];
  }

  #leaveAll(key: ServiceKey): void {
    const service = formatServiceKey(key);
    for (const destination of [...(this.#used.get(service)?.keys() ?? [])]) this.#leave(service, destination);
  }

  #leave(service: string, destination: string): void {
    const slots = this.#used.get(service);
    const slot = slots?.get(destination);
    if (slots === undefined || slot === undefined) return;
    slots.delete(destination);
    if (slots.size === 0) this.#used.delete(service);
    this.#left.set(nameOf(service, destination), slot);
  }
}

function nameOf(service: string, destination: string): string {
  return `${service} -> ${destination}`;
}
