/**
 * The runner itself: recordings of every schema pass as they are, and fail as soon as anything in them that is to be compared is
 * changed. All recordings are played by recordings.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { readGolden } from '../support/golden.ts';
import { playSource } from './playRecording.ts';

/** A recording, to be changed: plain JSON of any shape. */
// biome-ignore lint/suspicious/noExplicitAny: reaches into JSON as the mutations need
type Loose = any;

const SAMPLE = {
  sched: 'A_sched/dh/p_dh_changes_plain.json',
  marks: 'A_sched/lblc/p_lblc_w11_est.json',
  random: 'A_sched/twos/p_twos_w111_half.json',
  trace: 'C_trace/p_nat_udp.json',
  late: 'C_trace/p_dr_sloppy_tcp.json',
  sctp: 'H_sctp/p_sctp_dr.json',
  vectors: 'D_vectors/p_nat4.json',
  tunnel: 'D_vectors/p_tun6_gue_csum.json',
  persist: 'E_persist/p_udp_ops.json',
  persistMarks: 'E_persist/p_fwmark_nat_mask.json',
  listing: 'B_ipvsadm/p_timeouts.json',
  lists: 'B_ipvsadm/p_multi_services_order.json',
  lines: 'U_cmdline/p_addresses.json',
} as const;
type Sample = keyof typeof SAMPLE;

async function play(
  sample: Sample,
  change: (recording: Loose) => void = () => {},
): Promise<{ verdict: string; steps: string[] }> {
  const recording = structuredClone(readGolden<Loose>(SAMPLE[sample]));
  change(recording);
  const { verdict, failures } = await playSource({ name: SAMPLE[sample], read: () => recording });
  return { verdict, steps: failures.map(({ step }) => step) };
}

/** Of `listings`, or of those six seconds later: in the output of a command, the first that fits becomes something else. */
function edit(command: string, from: RegExp, to: string, when: 'listings' | 'listings_6s_later' = 'listings') {
  return (r: Loose) => {
    const record = r[when][`ipvsadm ${command}`];
    const before = record[1];
    record[1] = before.replace(from, to);
    if (record[1] === before) throw new Error(`${from} does not occur in ${command}`);
  };
}

/** The first lines of a recording of command lines, one of them changed. */
function line(change: (result: Loose) => void) {
  return (r: Loose) => {
    r.results = r.results.slice(0, 3);
    change(r.results[1]);
  };
}

function eventOf(recording: Loose, kind: string): Loose {
  return (recording.events ?? recording.steps).find((event: Loose) => event[0] === kind);
}

test.each(Object.keys(SAMPLE) as Sample[])('%s: the recording passes as it is', async (sample) => {
  expect(await play(sample)).toEqual({ verdict: 'passed', steps: [] });
});

const CHANGES: readonly (readonly [sample: Sample, what: string, change: (recording: Loose) => void])[] = [
  ['sched', 'another server was chosen', (r) => (eventOf(r, 'syn')[3] = 'rs9')],
  ['sched', 'nobody was chosen', (r) => (eventOf(r, 'syn')[3] = '!drop')],
  ['sched', 'one connection more', (r) => eventOf(r, 'snap')[2][0][2]++],
  ['sched', 'another order of servers', (r) => eventOf(r, 'snap')[2].reverse()],
  ['sched', 'another weight', (r) => eventOf(r, 'snap')[2][1][1]++],
  ['sched', 'a command failed', (r) => (eventOf(r, 'cmd')[2] = 255)],
  ['sched', 'another count at the end', (r) => (r.final_Ln = r.final_Ln.replace(/(\d+)( +\n)$/, '77$2'))],
  ['sched', 'another scheduler at the end', (r) => (r.final_Ln = r.final_Ln.replace(/ dh\n/, ' rr\n'))],
  ['sched', 'a field that nobody knows', (r) => (r.colour = 'blue')],
  ['sched', 'no events', (r) => delete r.events],
  ['sched', 'an event that nobody knows', (r) => r.events.push(['sing', 'loudly'])],
  ['sched', 'a command that nobody knows', (r) => r.events.push(['cmd', 'ip link set lo down', 0])],
  ['sched', 'a setting that nobody knows', (r) => (r.sysctl.colour = 1)],
  ['marks', 'without the rule that marks', (r) => r.commands.shift()],
  ['marks', 'a rule that is not understood', (r) => (r.commands[0][0] = r.commands[0][0].replace('-d', '! -d'))],
  ['random', 'another weight', (r) => eventOf(r, 'snap')[2][0][1]++],
  ['random', 'other sums', (r) => (eventOf(r, 'snap')[2][0][2] += 40)],
  [
    'random',
    'another server of a connection',
    (r) => (r.events = r.events.map((e: Loose) => (e[3] === 'rs1' ? [...e.slice(0, 3), '!rst'] : e))),
  ],
  ['trace', 'another packet', (r) => (r.walks[0].steps[0][1][0] += '!')],
  ['trace', 'no packet', (r) => (r.walks[0].steps[0][1] = [])],
  ['trace', 'another state', (r) => (r.walks[0].steps[0][2][0] = 'ESTABLISHED')],
  ['trace', 'four seconds more', (r) => (r.walks[0].steps[0][2][1] += 4)],
  ['trace', 'three seconds less', (r) => (r.walks[0].steps[0][2][1] -= 3)],
  ['trace', 'another destination', (r) => (r.walks[0].steps[0][2][2] = '10.0.1.7:53')],
  ['trace', 'no entry', (r) => (r.walks[0].steps[0][2] = null)],
  ['trace', 'other counts', (r) => r.walks[0].steps[0][3][1]++],
  ['trace', 'a token that nobody knows', (r) => (r.walks[0].steps[0][0] = 'z')],
  ['trace', 'a field of a walk that nobody knows', (r) => (r.walks[0].colour = 'blue')],
  ['trace', 'a protocol that nobody knows', (r) => (r.proto = 'icmp')],
  ['late', 'an active connection less', (r) => r.walks[3].steps[0][3][0]--],
  ['sctp', 'another byte in a vector', (r) => (r.vectors[2].out[0][1] = `${r.vectors[2].out[0][1].slice(0, -2)}ff`)],
  ['sctp', 'a vector of no step', (r) => (r.vectors[1].name = 'cI / cD')],
  [
    'vectors',
    'another byte',
    (r) => (r.vectors[0].out[0][1] = r.vectors[0].out[0][1].replace(/.$/, (d: string) => (d === '0' ? '1' : '0'))),
  ],
  ['vectors', 'another side', (r) => (r.vectors[0].out[0][0] = 'client')],
  ['vectors', 'a packet less', (r) => r.vectors[0].out.pop()],
  ['vectors', 'a packet more', (r) => r.vectors[0].out.push(r.vectors[0].out[0])],
  [
    'vectors',
    'another identification of a packet that passes',
    (r) => (r.vectors[3].out[0][1] = r.vectors[3].out[0][1].replace(/^(.{8})..../, '$1abcd')),
  ],
  ['vectors', 'from nowhere', (r) => (r.vectors[0].from = 'the moon')],
  ['vectors', 'another state at the end', (r) => (r.final_Lnc = r.final_Lnc.replace('TIME_WAIT', 'ESTABLISHED'))],
  ['vectors', 'another time at the end', (r) => (r.final_Lnc = r.final_Lnc.replace('TCP 01:5', 'TCP 01:4'))],
  ['vectors', 'other statistics', (r) => (r.final_stats = r.final_stats.replace(' 1848', ' 1849'))],
  ['vectors', 'a topology that nobody knows', (r) => (r.topology.gateways = 2)],
  ['tunnel', 'another port of the tunnel', (r) => (r.vectors[0].out[0][1] = r.vectors[0].out[0][1].replace('17c0', '17c1'))],
  ['persist', 'another server', (r) => (eventOf(r, 'udp')[3] = 'rs9')],
  ['persist', 'another state of a template', (r) => (eventOf(r, 'show')[2][0][4] = 'ASSURED')],
  ['persist', 'three seconds more', (r) => (eventOf(r, 'show')[2][0][5] += 3)],
  ['persist', 'a template less', (r) => eventOf(r, 'show')[2].pop()],
  [
    'persist',
    'a template more',
    (r) => eventOf(r, 'show')[2].push(['UDP', '10.7.0.9:0', '192.168.100.1:80', '10.0.1.3:80', 'NONE', 49]),
  ],
  ['persist', 'another count', (r) => eventOf(r, 'show')[3][0][3]++],
  ['persist', 'another timeout at the end', (r) => (r.final_Ln = r.final_Ln.replace('persistent 50', 'persistent 51'))],
  [
    'persist',
    'another count of templates at the end',
    (r) => (r.final_persistent = r.final_persistent.replace(/(1 +)1 +0/, '$12  0')),
  ],
  ['listing', 'another weight', edit('-Ln', /Route {3}1/, 'Route   2')],
  ['listing', 'a blank less at the end of a line', edit('-Ln', / \n$/, '\n')],
  ['listing', 'another title', edit('-Ln --rate', /CPS/, 'CPM')],
  ['listing', 'another name of a port', edit('-L', /:http/, ':www')],
  ['listing', 'other totals later', edit('-Ln --stats', / 208 /, ' 209 ', 'listings_6s_later')],
  ['listing', 'other rates later', edit('-Ln --rate', / 15 /, ' 16 ', 'listings_6s_later')],
  ['listing', 'totals at once that nobody can have seen', edit('-Ln --stats', / 0 /, ' 1 ')],
  ['listing', 'another state', edit('-Lnc', /FIN_WAIT {3}/, 'TIME_WAIT  ')],
  ['listing', 'three seconds more', edit('-Lnc', /01:3(\d)/, '01:4$1')],
  ['listing', 'a connection less', edit('-Lnc', /UDP .*\n/, '')],
  ['listing', 'a connection more', edit('-Lnc', /(UDP .*\n)/, '$1$1')],
  ['listing', 'a time not in its column', edit('-Lnc', /(\d\d:\d\d)/, '$1 ')],
  ['listing', 'another exit code', (r) => (r.listings['ipvsadm -Sn'][0] = 1)],
  ['listing', 'another message', (r) => (r.listings['ipvsadm -Sn'][2] = 'x\n')],
  ['listing', 'other text of another command at the end', (r) => (r.extra_commands[1][2] += ' ')],
  ['listing', 'another server of a packet', (r) => (r.traffic[0][1][0] = r.traffic[0][1][0].replace('rs1', 'rs2'))],
  ['listing', 'a packet that nobody knows', (r) => (r.traffic[0][0] = ['z', 'S'])],
  ['listing', 'an option of a packet that nobody knows', (r) => r.traffic[0][0].push({ colour: 'blue' })],
  ['listing', 'a command that nobody knows', (r) => (r.listings['ip link'] = [0, '', ''])],
  ['listing', 'a field that nobody knows', (r) => (r.colour = 'blue')],
  ['lists', 'another order of services', edit('-Ln', /(TCP .*25 .*\n)(TCP .*81 .*\n)/, '$2$1')],
  [
    'lists',
    'another order of unsorted servers',
    edit('-Ln --nosort', /( .*10\.0\.1\.1:80 .*\n)( .*10\.0\.1\.2:443 .*\n)/, '$2$1'),
  ],
  ['lists', 'another scheduler, unsorted', edit('-Ln --nosort', /443 rr/, '443 lc')],
  ['lists', 'a saved line less', edit('-Sn', /-A -f 200.*\n/, '')],
  ['lists', 'what saves for whoever restores', (r) => (r.listings['ipvsadm-save -n'][1] += '\n')],
  ['lines', 'another exit code', line((result) => (result.rc = 1))],
  ['lines', 'other text', line((result) => (result.stdout += 'x'))],
  ['lines', 'another message', line((result) => (result.stderr += 'x'))],
  ['lines', 'other tables', line((result) => (result.after_Sn = '-A -t 192.0.2.9:80 -s rr\n'))],
  ['lines', 'a daemon', line((result) => (result.after_daemon = 'master sync daemon (mcast=r0)\n'))],
  ['lines', 'other timeouts', line((result) => (result.after_timeout = 'Timeout (tcp tcpfin udp): 1 2 3\n'))],
  ['lines', 'whether something changed', line((result) => (result.changed = !result.changed))],
  ['lines', 'a command that nobody knows', line((result) => (result.cmd = 'ip link'))],
  ['lines', 'a field of a line that nobody knows', line((result) => (result.colour = 'blue'))],
  ['lines', 'other tables before', (r) => (r.base_Sn = r.base_Sn.replace('-w 3', '-w 4'))],
  ['lines', 'a command before that fails', (r) => r.base_commands.push('ipvsadm -D -f 77')],
  ['persistMarks', 'another mark', (r) => (r.commands[0][0] = r.commands[0][0].replace('--set-mark 5', '--set-mark 6'))],
];

describe('a change is found', () => {
  test.each(CHANGES)('%s: %s', async (sample, _what, change) => {
    expect((await play(sample, change)).verdict).toBe('failed');
  });
});

/** What the recordings' README says not to compare. */
const TOLERATED: readonly (readonly [sample: Sample, what: string, change: (recording: Loose) => void])[] = [
  ['sched', 'the note', (r) => (r.note = 'something else')],
  [
    'random',
    'which server twos chose',
    (r) => {
      const syns = r.events.filter((e: Loose) => e[0] === 'syn' && e[3].startsWith('rs'));
      [syns[0][3], syns[1][3]] = [syns[1][3], syns[0][3]];
    },
  ],
  ['listing', 'a second less', edit('-Lnc', /00:(\d)9/, '00:$18')],
  [
    'listing',
    'the order of connections',
    (r) => {
      const rows = r.listings['ipvsadm -Lnc'][1].split('\n');
      r.listings['ipvsadm -Lnc'][1] = [...rows.slice(0, 2), ...rows.slice(2, -1).reverse(), ''].join('\n');
    },
  ],
  ['listing', 'files of /proc', (r) => (r.listings['/proc/net/ip_vs'] = 'something else')],
  ['lists', 'the order of unsorted services', edit('-Ln --nosort', /(TCP .*25 .*\n)(UDP .*53 .*\n)/, '$2$1')],
  ['trace', 'a second more', (r) => r.walks[0].steps[0][2][1]++],
  ['persist', 'a second less', (r) => eventOf(r, 'show')[2][0][5]--],
  [
    'vectors',
    'the identification of an ICMP error of the director',
    (r) => {
      const vector = r.vectors.find((v: Loose) => v.name === 'tcp syn ttl 1');
      // One more in the identification is one less in the checksum.
      vector.out[0][1] = vector.out[0][1].replace('824800004001c6fd', '824900004001c6fc');
    },
  ],
];

test.each(TOLERATED)('not compared: %s: %s', async (sample, _what, change) => {
  expect(await play(sample, change)).toEqual({ verdict: 'passed', steps: [] });
});

test('a handful of times may be off by two seconds, not more', async () => {
  const shift = (count: number) => (r: Loose) => {
    const shown = r.steps.filter((step: Loose) => step[0] === 'show').flatMap((step: Loose) => step[2]);
    for (const row of shown.slice(0, count)) row[5] += 2;
  };
  expect((await play('persist', shift(3))).verdict).toBe('passed');
  expect((await play('persist', shift(9))).verdict).toBe('failed');
});
