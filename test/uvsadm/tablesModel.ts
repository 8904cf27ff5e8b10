/** The tables as far as commands change them, the plain way. */
import type {
  DestinationKey,
  DestinationSettings,
  ServiceKey,
  ServiceSettings,
  TableAction,
  Timeouts,
} from '../../src/table/actions.ts';
import { formatDestinationKey, formatServiceKey } from '../../src/table/actions.ts';
import type { Abilities, CurrentTables } from '../../src/uvsadm/toActions.ts';

interface Service {
  readonly key: ServiceKey;
  settings: ServiceSettings;
  readonly destinations: { readonly key: DestinationKey; settings: DestinationSettings }[];
}

/** Of the machine of the recordings. */
const SCHEDULERS = 'none rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos'.split(' ');

export class TablesModel implements CurrentTables, Abilities {
  services: Service[] = [];
  readonly #timeouts = { tcp: 900, tcpFin: 120, udp: 300 };

  serviceKeys(): readonly ServiceKey[] {
    return this.services.map(({ key }) => key);
  }

  hasService(key: ServiceKey): boolean {
    return this.#find(key) !== undefined;
  }

  hasDestination(service: ServiceKey, destination: DestinationKey): boolean {
    const name = formatDestinationKey(destination);
    return this.#find(service)?.destinations.some(({ key }) => formatDestinationKey(key) === name) === true;
  }

  knowsScheduler(name: string): boolean {
    return SCHEDULERS.includes(name);
  }

  knowsPersistenceEngine(name: string): boolean {
    return name === 'sip';
  }

  apply(actions: readonly TableAction[]): void {
    for (const action of actions) this.#apply(action);
  }

  get currentTimeouts(): Timeouts {
    return { ...this.#timeouts };
  }

  #apply(action: TableAction): void {
    switch (action.kind) {
      case 'addService':
        this.services.push({ key: action.service, settings: action.settings, destinations: [] });
        return;
      case 'editService':
        this.#find(action.service)!.settings = action.settings;
        return;
      case 'removeService':
        this.services = this.services.filter((service) => service !== this.#find(action.service));
        return;
      case 'addDestination':
        this.#find(action.service)!.destinations.push({ key: action.destination, settings: action.settings });
        return;
      case 'editDestination':
      case 'removeDestination': {
        const { destinations } = this.#find(action.service)!;
        const at = destinations.findIndex(({ key }) => formatDestinationKey(key) === formatDestinationKey(action.destination));
        const after = action.kind === 'editDestination' ? [{ key: action.destination, settings: action.settings }] : [];
        destinations.splice(at, 1, ...after);
        return;
      }
      case 'setTimeouts':
        for (const name of ['tcp', 'tcpFin', 'udp'] as const)
          this.#timeouts[name] = action.timeouts[name] || this.#timeouts[name];
        return;
      case 'zeroStatistics':
        return;
      default:
        throw new Error(`no command makes ${action.kind}`);
    }
  }

  #find(key: ServiceKey): Service | undefined {
    return this.services.find((service) => formatServiceKey(service.key) === formatServiceKey(key));
  }
}
