// hot path

/**
 * What a persistence engine takes from a packet to tell clients apart: for `sip` the Call-ID (packet/sip.ts). The name stays where it is in
 * the frame; the table copies it when a template gets it.
 */
import { NONE, Protocol } from '../base/terms.ts';
import * as sip from '../packet/sip.ts';
import * as udp from '../packet/udp.ts';
import type { FlowKey } from '../table/flowKey.ts';
import { PersistenceEngine } from '../table/services.ts';
import type { EngineState } from './state.ts';

/** The name in the packet that is being scheduled: [at, at + bytes) of the arena. */
export class PersistenceName {
  at = 0;
  /** 0 = there is none. */
  bytes = 0;
}

/**
 * Looks for the name in the packet of `s.flow`; `key` is the flow itself, or it is about another packet and there is no name.
 * @param engine of PersistenceEngine
 * @returns false when the packet has none
 */
export function readName(s: EngineState, engine: number, key: FlowKey): boolean {
  const { flow, v, name } = s;
  name.bytes = 0;
  if (engine !== PersistenceEngine.sip || key !== flow || flow.protocol !== Protocol.udp) return false;
  const at = sip.callIdAt(v, flow.l4 + udp.HEADER_BYTES, flow.end);
  if (at === NONE) return false;
  name.at = at;
  name.bytes = sip.callIdBytes(v, at, flow.end);
  return true;
}
