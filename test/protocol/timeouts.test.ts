import { expect, test } from 'vitest';
import { Protocol } from '../../src/base/terms.ts';
import { SCTP_STATE_NAMES } from '../../src/protocol/sctpStates.ts';
import { TCP_STATE_NAMES } from '../../src/protocol/tcpStates.ts';
import { TICKS_PER_SECOND, Timeouts } from '../../src/protocol/timeouts.ts';

const seconds = (timeouts: Timeouts, protocol: number, names: readonly string[]) =>
  names.map((name, state) => `${name} ${timeouts.of(protocol, state) / TICKS_PER_SECOND}`).join(', ');

test('each state lasts as long as in the kernel', () => {
  const timeouts = new Timeouts();
  expect(seconds(timeouts, Protocol.tcp, TCP_STATE_NAMES)).toBe(
    'NONE 2, ESTABLISHED 900, SYN_SENT 120, SYN_RECV 60, FIN_WAIT 120, TIME_WAIT 120, CLOSE 10, CLOSE_WAIT 60, LAST_ACK 30, ' +
      'LISTEN 120, SYNACK 120',
  );
  expect(seconds(timeouts, Protocol.sctp, SCTP_STATE_NAMES)).toBe(
    'NONE 2, INIT1 4, INIT 61, C-SENT 61, C-REPLIED 61, C-WAIT 61, COOKIE 61, C-ECHOED 61, ESTABLISHED 900, S-SENT 61, ' +
      'S-RECEIVED 61, S-ACK-SENT 61, REJECTED 4, CLOSED 61',
  );
  expect(timeouts.of(Protocol.udp, 0) / TICKS_PER_SECOND).toBe(300);
});

test('setting changes ESTABLISHED, FIN_WAIT and UDP; 0 leaves one as it is', () => {
  const timeouts = new Timeouts();
  const of = () => [timeouts.of(Protocol.tcp, 1), timeouts.of(Protocol.tcp, 4), timeouts.of(Protocol.udp, 0)];
  timeouts.set({ tcp: 100, tcpFin: 0, udp: 7 });
  expect(of()).toEqual([1000, 1200, 70]);
  timeouts.set({ tcp: 0, tcpFin: 5, udp: 0 });
  expect(of()).toEqual([1000, 50, 70]);
  expect(timeouts.of(Protocol.tcp, 7)).toBe(600);
});
