/**
 * What the engine counts, by name. docs/reference/counters.md has a sentence for each; a test compares the two. Every frame that comes in is
 * either transmitted, punted or dropped; every drop has a name of its own.
 */
import { FLOW_FAULT_NAMES } from '../packet/flow.ts';

/** Frames that go on. */
const PROGRESS = [
  'received',
  'transmitted',
  'punted',
  'connectionsCreated',
  'connectionsExpired',
  'connectionsReused',
  'connectionsFlushed',
  'connectionsShed',
  'fragmentsHeld',
  'fragmentsJoined',
  'fragmentsReturned',
  'icmpToClient',
  'icmpToRealServer',
  'icmpAboutTunnel',
  'icmpSent',
  'deliveredLocally',
  'checksumsCompleted',
  'superFramesSegmented',
  'outerFragments',
  'packetsFragmented',
  'schedulerCacheFull',
  'ftpConnectionsExpected',
  'ftpConnectionsFull',
  'ftpDialoguesFull',
  'ftpRepliesRewritten',
  'ftpAddressRefused',
  'openedFromServer',
  'clientWayUnknown',
  'toaAdded',
  'toaOmitted',
  'toaRemoved',
] as const;

/** Why a frame ended here, beside the malformed kinds that the parser names. */
const DROPS = [
  'noDestination',
  'connectionTableFull',
  'localPortsExhausted',
  'packetsShed',
  'ftpSegmentCut',
  'noCallId',
  'callIdTableFull',
  'unknownReply',
  'destinationRemoved',
  'neighbourUnresolved',
  'ttlExceeded',
  'packetTooBig',
  'tunnelMtuTooSmall',
  'icmpRateLimited',
  'icmpBadChecksum',
  'icmpQuoteTooShort',
  'fragmentTableFull',
  'fragmentTooLong',
  'fragmentTimedOut',
  'fragmentDuplicate',
  'fragmentConflict',
  'scratchExhausted',
  'segmentKindUnsupported',
  'methodUnsupported',
  'noHostPort',
] as const;

export type CounterName = (typeof PROGRESS)[number] | (typeof DROPS)[number] | (typeof FLOW_FAULT_NAMES)[number];

/** In the order of their index. */
export const COUNTER_NAMES: readonly CounterName[] = [...PROGRESS, ...DROPS, ...FLOW_FAULT_NAMES];

/** Those that count a frame's end without delivery. `notIp` and `none` are no drops. */
export const DROP_NAMES: readonly CounterName[] = [
  ...DROPS,
  ...FLOW_FAULT_NAMES.filter((name) => name !== 'none' && name !== 'notIp'),
];
