/** Who talks to whom in the warm-up, and what: conversations with a beginning, a middle and an end, and frames that are odd. */
import type { ForwardingMethodName } from '../base/terms.ts';
import {
  type Ends,
  type Kind,
  type MadeUpFrame,
  madeUpArp,
  madeUpError,
  madeUpFrame,
  madeUpStump,
  TcpFlags,
} from './warmUpFrames.ts';

/** A frame and the side it comes from: 0 the clients', 1 the real servers'. */
interface Step {
  readonly side: number;
  readonly frame: MadeUpFrame;
}

export interface Conversation {
  readonly opening: readonly Step[];
  /** May be repeated. */
  readonly middle: readonly Step[];
  readonly end: readonly Step[];
}

interface MadeUpService {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  readonly method: ForwardingMethodName;
}

const VIRTUAL = { v4: '10.255.0.100', v6: 'fdff::100' } as const;
/** One real server per family: whatever the scheduler, it is known who answers. */
export const SERVERS: Readonly<Record<'v4' | 'v6', readonly string[]>> = { v4: ['10.255.1.1'], v6: ['fdff:1::1'] };
const CLIENTS = 16;
const REPLY_PORT_SHIFT = 8000;
/** Local addresses and ports of fullnat: as many as there are clients, so that each is somebody's. */
export const LOCAL = { addresses: { v4: '10.255.1.200', v6: 'fdff:1::200' }, ports: [30_000, 30_000 + CLIENTS - 1] } as const;

/** A real server whose neighbour is not resolved, as all are in the first moments, and the port of its service. */
export const UNREACHABLE = { server: '10.255.1.9', port: 90 } as const;

/** A service for every combination that has code of its own. */
export const SERVICES: readonly MadeUpService[] = [
  ...(['v4', 'v6'] as const).flatMap((family) =>
    (['tcp', 'udp'] as const).flatMap((protocol) =>
      (['masq', 'route', 'tunnel', 'fullnat'] as const).map((method, i) => ({
        protocol,
        address: VIRTUAL[family],
        port: 80 + i,
        method,
      })),
    ),
  ),
  { protocol: 'udp', address: VIRTUAL.v4, port: UNREACHABLE.port, method: 'masq' },
];

/** Its replies come by the director, and its real server has a port of its own. */
export function isTranslated(method: ForwardingMethodName): boolean {
  return method === 'masq' || method === 'fullnat';
}

export function conversations(): Conversation[] {
  return SERVICES.flatMap((service) => Array.from({ length: CLIENTS }, (_, i) => conversation(service, 20_000 + i, i)));
}

function conversation({ protocol, address, port, method }: MadeUpService, clientPort: number, number: number): Conversation {
  const isV4 = !address.includes(':');
  const client = isV4 ? `10.255.2.${1 + (number % 8)}` : `fdff:2::${1 + (number % 8)}`;
  const server = SERVERS[isV4 ? 'v4' : 'v6'][0]!;
  const request: Ends = { source: client, sourcePort: clientPort, target: address, targetPort: port };
  const from = { source: server, sourcePort: port + REPLY_PORT_SHIFT };
  const local = { target: LOCAL.addresses[isV4 ? 'v4' : 'v6'], targetPort: LOCAL.ports[0] + number };
  const reply: Ends = { ...from, ...(method === 'fullnat' ? local : { target: client, targetPort: clientPort }) };
  const ask = (kind: Omit<Kind, 'protocol'> = {}): Step => ({ side: 0, frame: madeUpFrame(request, { protocol, ...kind }) });
  const answer = (kind: Omit<Kind, 'protocol'> = {}): Step[] =>
    isTranslated(method) ? [{ side: 1, frame: madeUpFrame(reply, { protocol, ...kind }) }] : [];
  const middle = [ask(), ...answer(), ask({ payloadBytes: 300, dontFragment: false }), ...offloaded(number, ask, answer)];
  if (protocol === 'udp') return { opening: [ask(), ...answer()], middle, end: errors(request, reply, method) };
  const { syn, ack, fin, reset } = TcpFlags;
  const opening = [
    ask({ flags: syn }),
    ...answer({ flags: syn | ack }),
    ask(),
    ...(number % 4 === 0 ? [ask({ flags: syn })] : []),
  ];
  const closing = [ask({ flags: fin | ack }), ...answer({ flags: fin | ack }), ask(), ask({ flags: syn })];
  return { opening, middle, end: number % 3 === 0 ? [ask({ flags: reset }), ...errors(request, reply, method)] : closing };
}

/** Unfinished checksums and super-frames, for some. */
function offloaded(
  number: number,
  ask: (kind: Omit<Kind, 'protocol'>) => Step,
  answer: (kind: Omit<Kind, 'protocol'>) => Step[],
): Step[] {
  const partial = { offload: { segmentBytes: 1400 } };
  if (number % 4 === 1) return [ask(partial), ...answer(partial)];
  if (number % 8 !== 2) return [];
  const whole = { ...partial, payloadBytes: 4000 };
  return [ask(whole), ...answer(whole)];
}

/** From the real server about a translated request, from the client about a reply. */
function errors(request: Ends, reply: Ends, method: ForwardingMethodName): Step[] {
  if (!isTranslated(method)) return [];
  const sender = method === 'masq' ? request : { source: reply.target, sourcePort: reply.targetPort };
  const forwarded = madeUpFrame({ ...sender, target: reply.source, targetPort: reply.sourcePort }, { protocol: 'udp' });
  const answered = madeUpFrame(
    { source: request.target, sourcePort: request.targetPort, target: request.source, targetPort: request.sourcePort },
    { protocol: 'udp' },
  );
  return [
    { side: 1, frame: madeUpError(reply.source, sender.source, forwarded) },
    { side: 0, frame: madeUpError(request.source, request.target, answered) },
  ];
}

/** Frames that end in other ways: the host's, malformed ones, fragments, those whose time is over, those that do not fit. */
export function oddFrames(): Step[] {
  const steps: Step[] = [];
  for (const { protocol, address, port } of SERVICES) {
    const isV4 = !address.includes(':');
    const ends: Ends = { source: isV4 ? '10.255.2.9' : 'fdff:2::9', sourcePort: 999, target: address, targetPort: port };
    const whole = madeUpFrame(ends, { protocol });
    const add = (frame: MadeUpFrame) => steps.push({ side: 0, frame });
    add(madeUpArp());
    add(madeUpStump(whole));
    add(madeUpFrame({ ...ends, targetPort: 7 }, { protocol }));
    add(madeUpFrame(ends, { protocol, hopLimit: 1 }));
    add(madeUpFrame(ends, { protocol, payloadBytes: isV4 ? 1472 : 1452 }));
    if (!isV4 || protocol !== 'udp') continue;
    add(madeUpFrame(ends, { protocol, payloadBytes: 1464, dontFragment: false }));
    for (const later of [false, true]) {
      add(madeUpFrame(ends, { protocol, payloadBytes: 64, fragment: { at: later ? 72 : 0, more: !later } }));
    }
    add(madeUpFrame({ ...ends, sourcePort: 998 }, { protocol, payloadBytes: 64, fragment: { at: 144, more: false } }));
  }
  return steps;
}
