/**
 * Frames for tests, built from the inside outwards with right lengths and checksums; every field can be set to a lie.
 *
 *     frame().ipv4({ source: '10.1.2.5', target: '10.9.0.1', ttl: 63 }).tcp({ source: 40000, target: 80, flags: 'SYN' }).build()
 *
 * Does its own arithmetic, the slow way, so that it does not share a mistake with src/packet.
 */
import { Family, Protocol } from '../../src/base/terms.ts';
import { EtherType } from '../../src/packet/ethernet.ts';
import { NextHeader } from '../../src/packet/ipv6.ts';
import {
  type ArpFields,
  addressBytes,
  type Context,
  type EthernetFields,
  encodeIcmp,
  encodeIpv4,
  encodeIpv6,
  encodeSctp,
  encodeTcp,
  encodeUdp,
  type FragmentFields,
  type IcmpFields,
  type Ipv4Fields,
  type Ipv6Fields,
  macBytes,
  type SctpFields,
  type TcpFields,
  type UdpFields,
  words,
} from './frameLayers.ts';
import { joinBytes } from './wireBytes.ts';

interface Layer {
  /** Protocol number by which the layer outside announces this one. */
  readonly protocol: number;
  /** Set by IP layers. */
  readonly addresses?: Context['outer'];
  encode(body: Uint8Array, context: Context): Uint8Array;
}

const CLIENT = { v4: '10.1.2.5', v6: '2001:db8:c::5' } as const;
const VIRTUAL = { v4: '10.9.0.1', v6: '2001:db8:9::1' } as const;

/** Begins a frame; without `ethernet` it gets a default link header of the right type. */
export function frame(): FrameBuilder {
  return new FrameBuilder();
}

/** Collects layers from the outside inwards; each call returns the same builder. */
export class FrameBuilder {
  readonly #layers: Layer[] = [];
  #ethernet: EthernetFields = {};
  #payload: Uint8Array = new Uint8Array(0);
  #partial = false;
  #leastBytes = 0;

  ethernet(fields: EthernetFields): this {
    this.#ethernet = fields;
    return this;
  }

  /** Following another IP layer, this is a tunnel (IPIP). */
  ipv4(fields: Ipv4Fields = {}): this {
    const { source = CLIENT.v4, target = VIRTUAL.v4 } = fields;
    return this.#add({
      protocol: Protocol.ipip,
      addresses: { family: Family.v4, source, target },
      encode: (body, context) => encodeIpv4(fields, source, target, body, context.inner),
    });
  }

  /** Following another IP layer, this is a tunnel. */
  ipv6(fields: Ipv6Fields = {}): this {
    const { source = CLIENT.v6, target = VIRTUAL.v6 } = fields;
    return this.#add({
      protocol: Protocol.ipv6,
      addresses: { family: Family.v6, source, target },
      encode: (body, context) => encodeIpv6(fields, source, target, body, context.inner),
    });
  }

  /** @param optionBytes with the two leading bytes a multiple of 8; default one header of 8 bytes, filled by PadN */
  hopByHop(optionBytes: Uint8Array = Uint8Array.of(1, 4, 0, 0, 0, 0)): this {
    return this.#addExtension(NextHeader.hopByHop, optionBytes);
  }

  /** As `hopByHop`. */
  destinationOptions(optionBytes: Uint8Array = Uint8Array.of(1, 4, 0, 0, 0, 0)): this {
    return this.#addExtension(NextHeader.destinationOptions, optionBytes);
  }

  /** A routing header of type 4 without addresses, which is enough for a walk. */
  routing(segmentsLeft = 0): this {
    return this.#addExtension(NextHeader.routing, Uint8Array.of(4, segmentsLeft, 0, 0, 0, 0));
  }

  /** An IPv6 fragment header. */
  fragment(fields: FragmentFields = {}): this {
    const { offset = 0, more = false, id = 0x1234_5678 } = fields;
    return this.#add({
      protocol: NextHeader.fragment,
      encode: (body, { inner }) => {
        const word = offset | (more ? 1 : 0);
        const header = [fields.nextHeader ?? inner, 0, word >> 8, word & 255, id >>> 24, id >>> 16, id >>> 8, id];
        return joinBytes(Uint8Array.from(header), body);
      },
    });
  }

  tcp(fields: TcpFields = {}): this {
    return this.#add({ protocol: Protocol.tcp, encode: (body, context) => encodeTcp(fields, body, context) });
  }

  udp(fields: UdpFields = {}): this {
    return this.#add({ protocol: Protocol.udp, encode: (body, context) => encodeUdp(fields, body, context) });
  }

  /** ICMP or ICMPv6, by the IP layer outside; its number is put right when the layers are written. */
  icmp(fields: IcmpFields = {}): this {
    const v6 = this.#layers.findLast((layer) => layer.addresses !== undefined)?.addresses?.family === Family.v6;
    return this.#add({
      protocol: v6 ? Protocol.icmpv6 : Protocol.icmp,
      encode: (body, context) => encodeIcmp(fields, body, context),
    });
  }

  sctp(fields: SctpFields = {}): this {
    return this.#add({ protocol: Protocol.sctp, encode: (body) => encodeSctp(fields, body) });
  }

  /** GRE without options. */
  gre(): this {
    const encode: Layer['encode'] = (body, { inner }) =>
      joinBytes(words(0, inner === Protocol.ipv6 ? EtherType.ipv6 : EtherType.ipv4), body);
    return this.#add({ protocol: Protocol.gre, encode });
  }

  /** GUE; follows `udp`. */
  gue(): this {
    return this.#add({ protocol: NextHeader.none, encode: (body, { inner }) => joinBytes(words(inner, 0), body) });
  }

  /** What the innermost layer carries: bytes, text, or that many bytes of a pattern. */
  payload(content: Uint8Array | string | number): this {
    if (typeof content === 'number') this.#payload = Uint8Array.from({ length: content }, (_, i) => (i * 7 + 1) & 255);
    else this.#payload = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return this;
  }

  /** TCP and UDP fields hold only the pseudo-header's sum, as on an interface that offloads checksums. */
  partialChecksum(): this {
    this.#partial = true;
    return this;
  }

  /** Zeros behind the packet until the frame has that many bytes, as short Ethernet frames have. */
  padTo(bytes: number): this {
    this.#leastBytes = bytes;
    return this;
  }

  /** The frame, from the Ethernet header on. */
  build(): Uint8Array {
    const packet = this.packet();
    const v6 = this.#layers[0]?.addresses?.family === Family.v6;
    const {
      source = '02:00:00:00:0c:01',
      target = '02:00:00:00:00:01',
      type = v6 ? EtherType.ipv6 : EtherType.ipv4,
    } = this.#ethernet;
    const link = joinBytes(macBytes(target), macBytes(source), words(type), packet);
    return joinBytes(link, new Uint8Array(Math.max(0, this.#leastBytes - link.length)));
  }

  /** The IP packet alone: to be quoted by an ICMP error, or for a port without a link header. */
  packet(): Uint8Array {
    let body = this.#payload;
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const outside = this.#layers.slice(0, i).findLast((layer) => layer.addresses !== undefined);
      const outer = outside?.addresses ?? { family: Family.v4, source: CLIENT.v4, target: VIRTUAL.v4 };
      const inner = this.#layers[i + 1]?.protocol ?? NextHeader.none;
      body = this.#layers[i]!.encode(body, { outer, partial: this.#partial, inner });
    }
    return body;
  }

  #add(layer: Layer): this {
    this.#layers.push(layer);
    return this;
  }

  #addExtension(kind: number, optionBytes: Uint8Array): this {
    const encode: Layer['encode'] = (body, { inner }) =>
      joinBytes(Uint8Array.of(inner, (optionBytes.length + 2) / 8 - 1), optionBytes, body);
    return this.#add({ protocol: kind, encode });
  }
}

/** A whole ARP frame. */
export function arpFrame(fields: ArpFields = {}): Uint8Array {
  const { operation = 1, senderMac = '02:00:00:00:0c:01', sender = CLIENT.v4, target = VIRTUAL.v4 } = fields;
  const { targetMac = '00:00:00:00:00:00' } = fields;
  const link = joinBytes(macBytes(operation === 1 ? 'ff:ff:ff:ff:ff:ff' : targetMac), macBytes(senderMac), words(EtherType.arp));
  const body = joinBytes(words(1, 0x0800, 0x0604, operation), macBytes(senderMac), addressBytes(sender));
  return joinBytes(link, body, macBytes(targetMac), addressBytes(target));
}
