/** What a real server can read of its client: the TOA option (forward/toa.ts) in a SYN. */
import { formatEndpoint } from '../base/address.ts';
import { Family } from '../base/terms.ts';
import { nextOption, OptionKind, optionsEnd } from '../forward/tcpOptions.ts';
import { Flow, FlowFault, parseQuoted } from '../packet/flow.ts';
import * as tcp from '../packet/tcp.ts';

/** `10.77.0.1:40000`; undefined when the SYN does not tell. @param syn IP and TCP headers */
export function clientOfSyn(syn: Uint8Array): string | undefined {
  const v = new DataView(syn.buffer, syn.byteOffset, syn.length);
  const flow = new Flow();
  if (parseQuoted(v, 0, syn.length, flow) !== FlowFault.none || !tcp.check(v, flow.l4, flow.end - flow.l4)) return undefined;
  const end = optionsEnd(v, flow.l4);
  for (let at = nextOption(v, flow.l4 + tcp.MIN_BYTES, end); at >= 0; at = nextOption(v, at + v.getUint8(at + 1), end)) {
    const kind = v.getUint8(at);
    const bytes = v.getUint8(at + 1);
    const port = bytes >= 4 ? v.getUint16(at + 2) : 0;
    if (kind === OptionKind.toa && bytes === 8) {
      return formatEndpoint({ family: Family.v4, words: [0, 0, 0, v.getInt32(at + 4)] }, port);
    }
    if (kind === OptionKind.toa && bytes === 20) {
      const word = (i: number) => v.getInt32(at + 4 + 4 * i);
      return formatEndpoint({ family: Family.v6, words: [word(0), word(1), word(2), word(3)] }, port);
    }
  }
  return undefined;
}
