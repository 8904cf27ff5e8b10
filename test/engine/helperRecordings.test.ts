/**
 * Dialogues of SIP and FTP that the real kernel was asked about (golden/README.md), with its helpers loaded: every packet, what came out of
 * the director, and the entries of its table. What the engine does otherwise is in DIFFERENCES, each with the reason.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { formatAddress, parseEndpoint } from '../../src/base/address.ts';
import { entries } from '../conformance/engineView.ts';
import { Rig } from '../conformance/rig.ts';
import { Shell } from '../conformance/shell.ts';

type Step =
  | readonly ['c', hex: string, outputs: Outputs]
  | readonly ['r', server: number, hex: string, outputs: Outputs]
  | readonly ['conns', readonly RecordedEntry[]]
  | readonly ['cmd', command: string, exitCode: number]
  | readonly ['sleep', seconds: number];
type Outputs = readonly (readonly [where: string, hex: string])[];
interface RecordedEntry {
  readonly pro: string;
  readonly c: string;
  readonly v: string;
  readonly d: string;
  readonly state: string;
  readonly expires: number;
  readonly pe?: string;
}
interface Dialogue {
  readonly vips: readonly string[];
  readonly sysctl: Readonly<Record<string, number>>;
  readonly commands: readonly (readonly [command: string, exitCode: number])[];
  readonly steps: readonly Step[];
}

const PACK = JSON.parse(gunzipSync(readFileSync(new URL('../golden/helpers.json.gz', import.meta.url))).toString()) as Readonly<
  Record<string, Dialogue>
>;

/** Step, or entry of a step, and why it is not compared. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'sip_dr 3': 'the host drops a packet from outside that has an address of its own as source; the host of the rig routes it',
  'ftp_again 6':
    'the kernel has forgotten that it changed this reply before, so that the client would get the real address the second time',
  'ftp_any_port 5': 'the kernel expects the port below that of the service alone; here any that the real server calls from',
  'ftp_any_port 6': 'the same',
  'ftp_any_port 8': 'the kernel reads the first line of a segment alone; here all of them',
  'ftp_third 7': 'the kernel enters connections of third hosts and of port 0',
  'ftp_third 9': 'the kernel puts the virtual address in the place of a third one',
  'ftp_third 10': 'the numbers follow from that',
  'ftp_third 11': 'the same',
  'ftp_third 12': 'the same',
  'ftp_third 13': 'the same',
  'ftp_third 14': 'the kernel enters connections to third hosts, and to the virtual address itself',
  'ftp_pasv 35': 'two timers of the kernel, each up to 2 s late',
  'ftp_persistent 12': 'a timer of 300 s of the kernel may fire 16 s late',
};

test.each(Object.keys(PACK))('%s: the engine decides as the kernel did', (id) => {
  const { vips, sysctl, commands, steps } = PACK[id]!;
  const rig = new Rig();
  for (const vip of vips) rig.host.addLocal(vip);
  const shell = new Shell(rig);
  for (const [name, value] of Object.entries(sysctl)) rig.apply([{ kind: 'setSettings', settings: { [name]: value } }]);
  for (const [command, exitCode] of commands) expect(shell.run(command).exitCode).toBe(exitCode);
  for (const [i, step] of steps.entries()) {
    if (DIFFERENCES[`${id} ${i}`] === undefined) play(rig, shell, `${id} ${i}: ${step[0]}`, step);
  }
});

function play(rig: Rig, shell: Shell, name: string, step: Step): void {
  switch (step[0]) {
    case 'c':
      return compare(name, rig.send('client', Buffer.from(step[1], 'hex')), step[2]);
    case 'r':
      return compare(name, rig.send('server', Buffer.from(step[2], 'hex'), step[1]), step[3]);
    case 'cmd':
      return expect(shell.run(step[1]).exitCode, name).toBe(step[2]);
    case 'sleep':
      return rig.wait(step[1]);
    case 'conns':
      return compareEntries(rig, name, step[1]);
  }
}

function compare(name: string, got: readonly { where: string; packet: Uint8Array }[], want: Outputs): void {
  expect({ name, out: got.map(({ where, packet }) => [where, Buffer.from(packet).toString('hex')]) }).toEqual({
    name,
    out: want,
  });
}

/** Within two seconds: the kernel's timers are late, and its packets take time. */
function compareEntries(rig: Rig, name: string, want: readonly RecordedEntry[]): void {
  const { callIds } = rig.director.state.tables;
  const got = entries(rig).map((entry) => ({
    text: `${entry.protocol} ${entry.client} ${entry.virtual} ${entry.destination} ${entry.state} ${callIds.text(entry.conn) ?? ''}`,
    seconds: entry.expiresSeconds,
  }));
  const wanted = want.map(({ pro, c, v, d, state, expires, pe = '' }) => ({
    text: `${pro} ${canonical(c)} ${canonical(v)} ${canonical(d)} ${state} ${pe.replace('sip ', '')}`,
    seconds: expires,
  }));
  const byText = (a: { text: string }, b: { text: string }): number => (a.text < b.text ? -1 : 1);
  got.sort(byText);
  wanted.sort(byText);
  expect({ name, entries: got.map(({ text }) => text) }).toEqual({ name, entries: wanted.map(({ text }) => text) });
  for (const [i, { text, seconds }] of got.entries()) {
    expect(Math.abs(seconds - wanted[i]!.seconds), `${name} ${text}: ${seconds} for ${wanted[i]!.seconds}`).toBeLessThanOrEqual(
      2,
    );
  }
}

/** The kernel writes IPv6 addresses whole and without brackets. */
function canonical(text: string): string {
  const colon = text.lastIndexOf(':');
  const address = text.slice(0, colon);
  const endpoint = parseEndpoint(address.includes(':') ? `[${address}]${text.slice(colon)}` : text);
  if (endpoint === undefined) return text;
  const plain = formatAddress(endpoint.address);
  return plain.includes(':') ? `[${plain}]:${endpoint.port}` : `${plain}:${endpoint.port}`;
}
