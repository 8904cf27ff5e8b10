/** Plays a recording of single packets (schema vector-1): every packet byte for byte, entries and statistics at the end. */
import { recordedLines, statisticsLines } from './engineView.ts';
import { compareEntries, listingEntries } from './entryComparison.ts';
import type { Ledger } from './ledger.ts';
import { comparePackets, type FlowPorts } from './packetComparison.ts';
import { applySettings, runCommands } from './playScheduler.ts';
import type { Vector, VectorRecording } from './recording.ts';
import { Rig } from './rig.ts';
import { Shell } from './shell.ts';
import { fromHex } from './wire.ts';

/** Guest time that goes by with a vector. */
const VECTOR_SECONDS = 0.06;
/** The counters that ipvsadm shows are those of the kernel's last look, every two seconds. */
const ESTIMATOR_SECONDS = 2.5;
const TOPOLOGY_FIELDS = ['rmtu', 'cmtu', 'r0_mtu', 'c0_mtu', 'director_client_side', 'director_rs_side'];

export function playVectors(recording: VectorRecording, ledger: Ledger): void {
  const { topology } = recording;
  for (const name of Object.keys(topology)) {
    if (!TOPOLOGY_FIELDS.includes(name)) ledger.fail('topology', 'a known field', name);
  }
  const rig = new Rig({ clientMtu: Number(topology['c0_mtu']), serverMtu: Number(topology['r0_mtu']) });
  const shell = new Shell(rig);
  rig.host.addLocal(recording.vip);
  applySettings(rig, recording.sysctl, ledger);
  runCommands(shell, recording.commands, ledger);
  const ports: FlowPorts = new Map();
  const shown: string[][] = [statisticsLines(rig)];
  for (const vector of recording.vectors) {
    playVector(vector, rig, ports, ledger);
    rig.wait(VECTOR_SECONDS);
    shown.push(statisticsLines(rig));
  }
  compareEntries('final_Lnc', listingEntries(recording.final_Lnc), rig, ledger);
  compareStatistics(recordedLines(recording.final_stats), shown, ledger);
}

function playVector(vector: Vector, rig: Rig, ports: FlowPorts, ledger: Ledger): void {
  const side = vector.from === 'client' ? 'client' : 'server';
  const server = Number(/^rs(\d)$/.exec(vector.from ?? '')?.[1]);
  if (side === 'server' && Number.isNaN(server)) {
    ledger.fail(vector.name, 'from the client or a real server', String(vector.from));
    return;
  }
  const got = vector.in.flatMap((hex) => rig.send(side, fromHex(hex), server));
  comparePackets(vector.name, vector, got, ledger, ports);
}

/** The recorded counters are those of some moment in the last seconds. @param shown after each vector */
function compareStatistics(recorded: readonly string[], shown: readonly string[][], ledger: Ledger): void {
  const recent = shown.slice(-Math.ceil(ESTIMATOR_SECONDS / VECTOR_SECONDS));
  const match = recent.findLast((lines) => JSON.stringify(lines) === JSON.stringify(recorded));
  ledger.checkLines('final_stats', recorded, match ?? shown.at(-1)!);
}
