/**
 * A direct-routing balancer as one writes it with libpcap in Node: one callback per packet, flows in a Map by name. A peer of the
 * lab, when the package `cap` is there.
 *
 *     node pcapForwarder.ts FRONT BACK
 */
import type { CapModule } from '../../src/io/capPort.ts';
import { MAC, ROUTE_ADDRESS, SINK_PORT } from './addresses.ts';

const PACKAGE: string = 'cap';
const RING_BYTES = 32 << 20;
const SNAP_BYTES = 65_535;

const [front = '', back = ''] = process.argv.slice(2);
const { Cap } = ((await import(PACKAGE)) as CapModule).default;
const input = new Cap();
const output = new Cap();
const frame = Buffer.alloc(SNAP_BYTES);
input.open(front, `tcp and dst host ${ROUTE_ADDRESS} and dst port ${SINK_PORT}`, RING_BYTES, frame);
output.open(back, 'less 1', 1 << 20, Buffer.alloc(SNAP_BYTES));

const hardware = (mac: string) => Buffer.from(mac.replaceAll(':', ''), 'hex');
const servers = [hardware(MAC.nobody), hardware(MAC.nobody)];
const source = hardware(MAC.back);
const flows = new Map<string, Buffer>();

input.on('packet', (bytes) => {
  const key = `${frame.readUInt32BE(26)}:${frame.readUInt16BE(34)}`;
  let server = flows.get(key);
  if (server === undefined) {
    server = servers[flows.size % servers.length]!;
    flows.set(key, server);
  }
  server.copy(frame, 0);
  source.copy(frame, 6);
  output.send(frame, bytes);
});
