// hot path

/** The row of a real server: what a packet needs to be forwarded in the first line, what scheduling needs in the second. */
import { layout } from '../memory/layout.ts';

/** One real server. Beside this class engine/fastPath.ts reads rows, nobody else (decision 0010). */
export const DESTINATION = layout(
  'flags',
  'method',
  'service',
  'family',
  'address0',
  'address1',
  'address2',
  'address3',
  'port',
  'nextHopPort',
  'nextHopMtu',
  'macHigh',
  'macLow',
  'next',
  'generation',
  'spare0',
  // The second line.
  'weight',
  'lastWeight',
  'upperThreshold',
  'lowerThreshold',
  'active',
  'total',
  'templates',
  'spare1',
  'source0',
  'source1',
  'source2',
  'source3',
  'spare2',
  'spare3',
  'spare4',
  'spare5',
);

/** On the list of its service. */
export const AVAILABLE = 0x1;
/** At its upper threshold, or not yet below the lower one again. */
export const OVERLOADED = 0x2;
/** Its next hop has a MAC address. */
export const RESOLVED = 0x4;
