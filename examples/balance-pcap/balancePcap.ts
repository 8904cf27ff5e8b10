/**
 * Balances a capture: reads frames from one pcap file, lets a director decide, and writes what it sends to another.
 *
 *     node examples/balance-pcap/balancePcap.ts IN.pcap OUT.pcap
 */
import { ManualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Breath } from '../../src/dataplane/breath.ts';
import { applyTables } from '../../src/engine/applyTables.ts';
import { Director } from '../../src/engine/director.ts';
import { PcapPort } from '../../src/io/pcapPort.ts';
import { HEADROOM } from '../../src/io/port.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';
import { Tables } from '../../src/table/tables.ts';

const [read = 'in.pcap', write = 'out.pcap'] = process.argv.slice(2);
const arena = new FrameArena(new ArrayBuffer(16 << 20));
const port = new PcapPort(arena, { read, write, clock: new ManualClock() });
const tables = new Tables({ connections: 65_536, services: 16, destinations: 16 }, 1);
const places = { arena, tables, links: [port.facts], hostPort: -1, headroom: HEADROOM };
const director = new Director({ ...places, clock: port.clock, random: new SeededRandom(1) });

const service = { protocol: 'tcp', address: '192.168.100.1', port: 80 } as const;
const settings = { scheduler: 'wlc', schedulerFlags: [], onePacket: false, persistenceSeconds: 0, persistencePrefix: 32 };
const values = { method: 'masq', weight: 1, upperThreshold: 0, lowerThreshold: 0 } as const;
applyTables(director.state, [{ kind: 'addService', service, settings }]);
for (const n of [1, 2]) {
  const nextHop = { address: `10.0.1.${n}`, port: 0, mac: `02:00:00:00:01:0${n}`, source: '10.0.1.254', mtu: 1500 };
  const destination = { address: nextHop.address, port: 8000 };
  applyTables(director.state, [
    { kind: 'addDestination', service, destination, settings: values },
    { kind: 'setNextHop', nextHop },
  ]);
}

const breath = new Breath(director, [port]);
while (!port.isAtEnd) breath.breathe();
port.close();
console.log(director.state.counters.nonZero());
