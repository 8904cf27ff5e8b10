/** What a port must know of its interface before it opens. */
import { UvsError } from '../base/errors.ts';
import { asking, type InterfaceReport, native } from './native.ts';

export interface InterfaceFacts extends InterfaceReport {
  readonly name: string;
  /** High 16 and low 32 bits of `mac`. */
  readonly macHigh: number;
  readonly macLow: number;
  readonly isUp: boolean;
  /** Its frames have an Ethernet header. */
  readonly isEthernet: boolean;
}

const IFF_UP = 1;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

/** @throws UvsError INTERFACE_UNKNOWN when there is no such interface in this network namespace */
export function interfaceFacts(name: string): InterfaceFacts {
  const report = asking(`interface ${name}`, () => native().interfaceFacts(name));
  const mac = new DataView(report.mac.buffer, report.mac.byteOffset, report.mac.byteLength);
  return {
    ...report,
    name,
    macHigh: mac.getUint16(0),
    macLow: mac.getInt32(2),
    isUp: (report.flags & IFF_UP) !== 0,
    isEthernet: report.type === ARPHRD_ETHER || report.type === ARPHRD_LOOPBACK,
  };
}

/** As `interfaceFacts`, for a port that works with Ethernet frames. @throws UvsError INTERFACE_UNSUITABLE as well */
export function ethernetFacts(name: string): InterfaceFacts {
  const facts = interfaceFacts(name);
  if (facts.isEthernet) return facts;
  throw new UvsError('INTERFACE_UNSUITABLE', `${name} carries no Ethernet frames (link type ${facts.type})`, {
    hint: 'Choose an Ethernet interface, or a TUN device of our own (--io tun).',
  });
}
