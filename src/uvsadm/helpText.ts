/** What `-h` and `-v` write. */

/** ipvsadm's own line, for scripts read it; under another name it is said who speaks. */
export function versionLine(program: string): string {
  const line = 'ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)';
  return program === 'ipvsadm' ? `${line}\n` : `${program} of UVS, speaks as ${line}\n`;
}

export function helpText(program: string): string {
  const usage = USAGE.map((line) => `  ${program} ${line}\n`).join('');
  const sections = SECTIONS.map(({ title, rows }) => `\n${title}\n${rows.map(rowText).join('')}`);
  return `${versionLine(program)}Usage:\n${usage}${sections.join('')}`;
}

const USAGE = [
  '-A|E SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M NETMASK] [--pe ENGINE] [-o] [-b FLAGS]',
  '-D SERVICE',
  '-C',
  '-R < FILE',
  '-S [-n] [--all] > FILE',
  '-a|e SERVICE -r SERVER [-g|-i|-m|--fullnat] [-w WEIGHT] [-x UPPER] [-y LOWER] [tunnel options]',
  '-d SERVICE -r SERVER',
  '-L|l [SERVICE] [options]',
  '-L|l -c|--timeout|--daemon [options]',
  '-Z [SERVICE]',
  '--set TCP TCPFIN UDP',
  '--start-daemon {master|backup} [daemon options]',
  '--stop-daemon {master|backup}',
  '-h|-v',
];

interface Row {
  /** Long, short and value, as they are typed. */
  readonly typed: string;
  /** A line each. */
  readonly meaning: readonly string[];
}

interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

const MEANING_COLUMN = 36;

function rowText({ typed, meaning }: Row): string {
  const [first = '', ...more] = meaning;
  const before = `  ${typed} `.padEnd(MEANING_COLUMN);
  return [`${`${before}${first}`.trimEnd()}\n`, ...more.map((line) => `${' '.repeat(MEANING_COLUMN)}${line}\n`)].join('');
}

function row(typed: string, ...meaning: readonly string[]): Row {
  return { typed, meaning };
}

const SECTIONS: readonly Section[] = [
  {
    title: 'Commands, each by its long name or its letter, and first on the line:',
    rows: [
      row('--add-service     -A', 'a new virtual service'),
      row('--edit-service    -E', 'other options for one; what is left out returns to its default'),
      row('--delete-service  -D', 'removes one with its real servers'),
      row('--clear           -C', 'removes all of them'),
      row('--restore         -R', 'runs the command lines on standard input'),
      row('--save            -S', 'writes the table as command lines'),
      row('--add-server      -a', 'a new real server of a service'),
      row('--edit-server     -e', 'other options for one; what is left out returns to its default'),
      row('--delete-server   -d', 'removes one; its connections stay'),
      row('--list            -L|-l', 'shows services, connections, timeouts or daemons'),
      row('--zero            -Z', 'counters of a service, or all, begin again at 0'),
      row('--set TCP TCPFIN UDP', 'seconds that connections last without packets; 0 leaves one as it is'),
      row('--start-daemon ROLE', 'begins to send (master) or take (backup) connections'),
      row('--stop-daemon ROLE', 'ends that'),
      row('--help            -h', 'this text'),
      row('--version         -v', 'the first line of this text'),
    ],
  },
  {
    title: 'SERVICE is one of:',
    rows: [
      row('--tcp-service     -t HOST[:PORT]', 'IPv6 with a port in brackets: [2001:db8::1]:80'),
      row('--udp-service     -u HOST[:PORT]', 'no port: all ports, which needs -p'),
      row('--sctp-service       HOST[:PORT]'),
      row('--fwmark-service  -f MARK', 'packets that the classification rules mark, 1 to 4294967295'),
      row('--ipv6            -6', 'behind -f: of IPv6'),
    ],
  },
  {
    title: 'Options of a service:',
    rows: [
      row(
        '--scheduler       -s NAME',
        'rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh',
        'twos and our maglev; wlc when not given',
      ),
      row('--persistent      -p [SECONDS]', 'a client returns to its real server; 360 when not given'),
      row('--netmask         -M MASK', 'clients that count as one: a mask, or the length of an IPv6 prefix'),
      row('--pe              ENGINE', 'sip: clients are told apart by their Call-ID'),
      row('--ops             -o', 'each UDP packet is scheduled by itself'),
      row('--sched-flags     -b FLAGS', 'sh-fallback,sh-port  mh-fallback,mh-port  flag-1,flag-2,flag-3'),
    ],
  },
  {
    title: 'Options of a real server:',
    rows: [
      row('--real-server     -r HOST[:PORT]', 'without a port, that of the service'),
      row('--gatewaying      -g', 'direct routing (default)'),
      row('--ipip            -i', 'through a tunnel'),
      row('--masquerading    -m', 'network address translation'),
      row('--fullnat', 'the same, with an address of the director towards the real server'),
      row('--weight          -w NUMBER', 'share of the connections; 0 = none that are new; 1 when not given'),
      row('--u-threshold     -x NUMBER', 'no new connections from so many on'),
      row('--l-threshold     -y NUMBER', 'and again below so many'),
      row('--tun-type        TYPE', 'ipip (default), gue or gre'),
      row('--tun-port        PORT', 'UDP port of gue'),
      row('--tun-nocsum', 'no checksum in the header of the tunnel (default)'),
      row('--tun-csum', 'one over the whole packet'),
      row('--tun-remcsum', 'the remote checksum of gue'),
    ],
  },
  {
    title: 'Options of a listing:',
    rows: [
      row('--numeric         -n', 'numbers instead of names; also with -S'),
      row('--connection      -c', 'connections instead of services'),
      row('--timeout', 'what --set has set'),
      row('--daemon', 'what --start-daemon has started'),
      row('--stats', 'connections, packets and bytes so far'),
      row('--rate', 'the same per second'),
      row('--exact           -X', 'of these, big numbers in full'),
      row('--thresholds', 'what -x and -y have set'),
      row('--persistent-conn', 'persistent clients; with -c what the engine knows of them'),
      row('--tun-info', 'types of tunnels'),
      row('--nosort', 'in the order of the table'),
      row('--sort', 'accepted, for this is the default'),
      row('--json', 'a JSON object with everything there is to say'),
      row('--compat', 'order and signs to the letter as ipvsadm has them; also with -S'),
      row('--watch [SECONDS]', 'again and again; every 2 seconds when not given'),
      row('--all', 'with -S: thresholds, timeouts, daemons and the order of real servers, too'),
    ],
  },
  {
    title: 'Daemon options:',
    rows: [
      row('--mcast-interface NAME', 'eth0 when not given'),
      row('--syncid          NUMBER', '0 to 255; 0 when not given'),
      row('--sync-maxlen     BYTES', 'of a message; what the interface has room for when not given'),
      row('--mcast-group     ADDRESS', '224.0.0.81 when not given'),
      row('--mcast-port      PORT', '8848 when not given'),
      row('--mcast-ttl       NUMBER', '1 when not given'),
    ],
  },
];
