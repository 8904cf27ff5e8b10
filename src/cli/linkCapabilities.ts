/** Asks the driver of an interface what it can do. */
import { UvsError } from '../base/errors.ts';
import type { LinkCapabilities, XdpSupport } from '../control/ioChoice.ts';
import { interfaceFacts } from '../io/interfaceFacts.ts';
import { native } from '../io/native.ts';

// enum netdev_xdp_act of the kernel. AF_XDP needs the first two.
const XDP_BASIC = 1;
const XDP_REDIRECT = 2;
const XSK_ZEROCOPY = 8;

/** Undefined when the native helper is not built or the interface is gone. */
export function linkCapabilities(name: string): LinkCapabilities | undefined {
  try {
    const { index, receiveQueues, txChecksum, tso, gro } = interfaceFacts(name);
    const xdp = xdpSupport(native().xdpFeatures(index));
    return { receiveQueues, txChecksum, tso, gro, ...(xdp === undefined ? {} : { xdp }) };
  } catch (error) {
    if (error instanceof UvsError) return undefined;
    throw error;
  }
}

/** @param features bits, or -1 when the kernel does not say */
export function xdpSupport(features: number): XdpSupport | undefined {
  if (features < 0) return undefined;
  const needed = XDP_BASIC | XDP_REDIRECT;
  if ((features & needed) !== needed) return 'none';
  return (features & XSK_ZEROCOPY) === 0 ? 'copy' : 'zerocopy';
}
