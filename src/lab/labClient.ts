/** The client of a lab, seen from outside its namespace. */
import { formatDestinationKey } from '../table/actions.ts';
import type { ClientResult } from './clientRequests.ts';
import type { LabPlan } from './labPlan.ts';
import { type LabProcess, labScript, startInNamespace } from './labProcess.ts';

export interface LabRequests {
  /** Default: the lab's virtual address. */
  readonly address?: string;
  readonly family?: 'v4' | 'v6';
  readonly udp?: boolean;
  /** Addresses of the client, used in turn; default: by its routes. */
  readonly from?: readonly string[];
  /** Default: the virtual port of HTTP or of the UDP echo. */
  readonly port?: number;
  /** 0 = until it is stopped. */
  readonly count: number;
  readonly path?: string;
  readonly uploadBytes?: number;
  readonly datagramBytes?: number;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
}

/** Starts the client process; its lines are ClientResult as JSON. */
export function startClient(plan: LabPlan, requests: LabRequests): LabProcess {
  const {
    family = 'v4',
    udp = false,
    from = [],
    path = '/',
    uploadBytes = 0,
    datagramBytes = 0,
    intervalMs = 0,
    timeoutMs = 2000,
  } = requests;
  const address = requests.address ?? plan.virtual[family];
  const port = requests.port ?? (udp ? plan.ports.virtualEcho : plan.ports.virtualHttp);
  const options = {
    count: requests.count,
    path,
    upload: uploadBytes,
    size: datagramBytes,
    interval: intervalMs,
    timeout: timeoutMs,
  };
  return startInNamespace(plan.client.namespace, [
    process.execPath,
    labScript('client'),
    ...['--target', formatDestinationKey({ address, port })],
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...(udp ? ['--udp'] : []),
    ...from.flatMap((each) => ['--from', each]),
  ]);
}

/** Its results, one by one as they come. */
export async function* clientResults(client: LabProcess): AsyncGenerator<ClientResult> {
  for await (const line of client.lines) yield JSON.parse(line) as ClientResult;
}

/** Sends `requests.count` requests, which is not 0, and waits for all results. */
export async function sendRequests(plan: LabPlan, requests: LabRequests): Promise<ClientResult[]> {
  const results: ClientResult[] = [];
  for await (const result of clientResults(startClient(plan, requests))) results.push(result);
  return results;
}
