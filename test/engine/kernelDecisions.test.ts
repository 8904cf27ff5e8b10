/**
 * Questions that the recordings of golden/ipvs leave open, asked of the real kernel: FTP services, marks, one-packet services, masks that are no
 * prefixes, overload, IPsec, cache_bypass, nat_icmp_send. Steps are those of schema sched-1 and, after the tool that asked: `c` and `u`
 * (TCP, UDP from the client), `r` and `ru` (from a real server), `chex` and `rhex` (any packet) with what came out, `conns` and `sysctl`.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { describePacket } from '../conformance/describe.ts';
import { snapRows } from '../conformance/engineView.ts';
import { compareEntries, showEntries } from '../conformance/entryComparison.ts';
import { Ledger } from '../conformance/ledger.ts';
import { canonicalRows, runCommand } from '../conformance/playScheduler.ts';
import type { SnapRow } from '../conformance/recording.ts';
import { type Output, Rig } from '../conformance/rig.ts';
import { eventPacket, eventResult, isPacketEvent, tokenPacket } from '../conformance/segments.ts';
import { Shell } from '../conformance/shell.ts';
import { wireEndpoint } from '../conformance/wire.ts';

interface Decisions {
  readonly vips: readonly string[];
  readonly sysctl: Readonly<Record<string, number>>;
  readonly commands: readonly (readonly [command: string, exitCode: number])[];
  readonly events: readonly (readonly unknown[])[];
}

const PACK = JSON.parse(gunzipSync(readFileSync(new URL('../golden/decisions.json.gz', import.meta.url))).toString()) as Readonly<
  Record<string, Decisions>
>;

/** Steps that are not compared, with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  'two_svc_delete_nd1 7': 'within the tick in which the kernel has told the entry to expire it still finds it',
};

test.each(Object.keys(PACK))('%s: the engine decides as the kernel did', (id) => {
  const { vips, sysctl, commands, events } = PACK[id]!;
  const rig = new Rig();
  rig.director.state.limiter.enabled = false;
  for (const vip of vips) rig.host.addLocal(vip);
  const shell = new Shell(rig);
  const ledger = new Ledger();
  setSettings(rig, sysctl);
  for (const [command, exitCode] of commands) if (!command.startsWith('ip r')) runCommand(shell, command, exitCode, ledger);
  for (const [i, event] of events.entries()) {
    const own = LEFT_OUT[`${id} ${i}`] === undefined ? ledger : new Ledger();
    play(rig, shell, own, `${i}: ${event.slice(0, 4).join(' ')}`, event);
  }
  expect(ledger.failures).toEqual([]);
});

function play(rig: Rig, shell: Shell, ledger: Ledger, name: string, event: readonly unknown[]): void {
  const [kind, first, second, third] = event;
  if (isPacketEvent(kind)) {
    const got = rig.send('client', eventPacket(kind, String(first), String(second)));
    ledger.check(name, third, routedName(eventResult(got)));
    return;
  }
  switch (kind) {
    case 'cmd':
      if (!String(first).includes('--stats')) runCommand(shell, String(first), Number(second), ledger);
      return;
    case 'sleep':
      return rig.wait(Number(first));
    case 'sysctl':
      return setSettings(rig, first as Readonly<Record<string, number>>);
    case 'conns':
      return compareEntries(name, showEntries(second as readonly (readonly unknown[])[]), rig, ledger);
    case 'snap': {
      const recorded = canonicalRows(second as readonly SnapRow[]);
      ledger.check(name, recorded, snapRows(rig, recorded));
      return;
    }
    default:
      ledger.check(name, wordsOf(event.at(-1) as readonly (readonly [string, string])[]), wordsOfOutputs(sendFree(rig, event)));
  }
}

function sendFree(rig: Rig, [kind, first, second, third, fourth]: readonly unknown[]): Output[] {
  const tokens = (protocol: string, from: unknown, to: unknown, letters: unknown) =>
    tokenPacket(protocol, wireEndpoint(String(from)), wireEndpoint(String(to)), String(letters));
  switch (kind) {
    case 'c':
      return rig.send('client', tokens('tcp', second, third, first));
    case 'u':
      return rig.send('client', tokens('udp', first, second, 'U'));
    case 'r':
      return rig.send('server', tokens('tcp', third, fourth, second), Number(first));
    case 'ru':
      return rig.send('server', tokens('udp', second, third, 'U'), Number(first));
    case 'chex':
      return rig.send('client', Buffer.from(String(first), 'hex'));
    case 'rhex':
      return rig.send('server', Buffer.from(String(second), 'hex'), Number(first));
    default:
      throw new Error(`no step is named "${String(kind)}"`);
  }
}

/** In the order given, as the kernel's files were written. */
function setSettings(rig: Rig, settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) rig.apply([{ kind: 'setSettings', settings: { [name]: value } }]);
}

function wordsOf(outputs: readonly (readonly [string, string])[]): string[] {
  return outputs.map(([where, hex]) => `${where} ${describePacket(Buffer.from(hex, 'hex'))}`);
}

function wordsOfOutputs(outputs: readonly Output[]): string[] {
  return outputs.map(({ where, packet }) => `${where} ${describePacket(packet)}`);
}

/** What was routed back to the client's side is recorded by its protocol. */
function routedName(result: string): string {
  return result.startsWith('!TCP') ? '!proto6' : result;
}
