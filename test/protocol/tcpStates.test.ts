/** specs/ipvs.md section 3.1 and 3.2, as sentences; test/protocol/walks.test.ts plays what the kernel did. */
import { describe, expect, test } from 'vitest';
import { advance, isActive, stateName } from '../../src/protocol/advance.ts';
import { Direction } from '../../src/protocol/stateTable.ts';
import { nextTcpState, TCP_STATE_NAMES, TcpEvent, tcpEvent } from '../../src/protocol/tcpStates.ts';

type DirectionName = keyof typeof Direction;
type EventName = keyof typeof TcpEvent;

function next(direction: DirectionName, event: EventName, from: string, isSecure = false): string {
  return TCP_STATE_NAMES[nextTcpState(Direction[direction], TcpEvent[event], TCP_STATE_NAMES.indexOf(from), isSecure)]!;
}

const CASES: readonly (readonly [string, DirectionName, EventName, string, string])[] = [
  // name                                               direction    event    from           to
  ['a client opens', 'input', 'syn', 'NONE', 'SYN_RECV'],
  ['the server answers, which settles nothing', 'output', 'syn', 'SYN_RECV', 'SYN_RECV'],
  ['the client acknowledges', 'input', 'ack', 'SYN_RECV', 'ESTABLISHED'],
  ['the server acknowledges', 'output', 'ack', 'SYN_RECV', 'ESTABLISHED'],
  ['a one-sided client acknowledges', 'inputOnly', 'ack', 'SYN_RECV', 'ESTABLISHED'],
  ['a client resets before it is open: ignored', 'input', 'rst', 'SYN_RECV', 'SYN_RECV'],
  ['a server refuses', 'output', 'rst', 'SYN_RECV', 'CLOSE'],
  ['an open connection ignores SYN', 'input', 'syn', 'ESTABLISHED', 'ESTABLISHED'],
  ['a client closes an open connection', 'input', 'fin', 'ESTABLISHED', 'CLOSE_WAIT'],
  ['a one-sided client closes an open connection', 'inputOnly', 'fin', 'ESTABLISHED', 'FIN_WAIT'],
  ['a server closes an open connection', 'output', 'fin', 'ESTABLISHED', 'FIN_WAIT'],
  ['a client resets an open connection', 'input', 'rst', 'ESTABLISHED', 'CLOSE'],
  ['the client closes after the server', 'input', 'fin', 'FIN_WAIT', 'TIME_WAIT'],
  ['the server closes after the client', 'output', 'fin', 'CLOSE_WAIT', 'TIME_WAIT'],
  ['a one-sided connection stays in FIN_WAIT', 'inputOnly', 'fin', 'FIN_WAIT', 'FIN_WAIT'],
  ['FIN straight after SYN', 'inputOnly', 'fin', 'SYN_RECV', 'TIME_WAIT'],
  ['a closed connection is opened again', 'input', 'syn', 'CLOSE', 'SYN_RECV'],
  ['picked up in the middle (sloppy_tcp)', 'input', 'ack', 'NONE', 'ESTABLISHED'],
  ['a FIN out of nowhere closes', 'input', 'fin', 'NONE', 'CLOSE'],
  ['the last ACK', 'input', 'ack', 'LAST_ACK', 'CLOSE'],
  ["a listening entry ignores the client's ACK", 'input', 'ack', 'LISTEN', 'LISTEN'],
  ['a server opens a connection of its own', 'output', 'syn', 'NONE', 'SYN_SENT'],
  ['a segment without SYN, FIN, ACK and RST closes', 'input', 'other', 'ESTABLISHED', 'CLOSE'],
  ['such a segment from the server closes too', 'output', 'other', 'SYN_RECV', 'CLOSE'],
];

test.each(CASES)('%s', (_name, direction, event, from, to) => {
  expect(next(direction, event, from)).toBe(to);
});

describe('secure_tcp', () => {
  const SECURE_CASES: readonly (readonly [string, DirectionName, EventName, string, string])[] = [
    ["the server's SYN+ACK moves", 'output', 'syn', 'SYN_RECV', 'SYNACK'],
    ["the client's ACK does not establish", 'input', 'ack', 'SYNACK', 'SYNACK'],
    ['nor does one before the SYN+ACK', 'input', 'ack', 'SYN_RECV', 'SYN_RECV'],
    ["the server's ACK does", 'output', 'ack', 'SYNACK', 'ESTABLISHED'],
    ['a client resets', 'input', 'rst', 'SYNACK', 'CLOSE'],
    ['one-sided: a client opens', 'inputOnly', 'syn', 'NONE', 'SYNACK'],
    ['one-sided: a closed connection is opened again', 'inputOnly', 'syn', 'TIME_WAIT', 'SYNACK'],
    ['one-sided: the client acknowledges', 'inputOnly', 'ack', 'SYNACK', 'ESTABLISHED'],
  ];
  test.each(SECURE_CASES)('%s', (_name, direction, event, from, to) => {
    expect(next(direction, event, from, true)).toBe(to);
  });
});

describe('the event of a segment', () => {
  test.each([
    ['SYN', 0x02, 'syn'],
    ['SYN and ACK', 0x12, 'syn'],
    ['SYN and FIN', 0x03, 'syn'],
    ['FIN and ACK', 0x11, 'fin'],
    ['ACK', 0x10, 'ack'],
    ['PSH and ACK', 0x18, 'ack'],
    ['RST', 0x04, 'rst'],
    ['RST, SYN, FIN and ACK', 0x17, 'rst'],
    ['nothing', 0x00, 'other'],
    ['URG and PSH', 0x28, 'other'],
  ] as const)('%s', (_name, flags, event) => {
    expect(tcpEvent(flags)).toBe(TcpEvent[event]);
  });
});

test('active are the open and the opening connections', () => {
  const active = TCP_STATE_NAMES.filter((_name, state) => isActive(6, state));
  expect(active).toEqual(['ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'SYNACK']);
});

test('UDP has one state, which is never active', () => {
  expect([advance(17, Direction.input, 0x02, 0), isActive(17, 0), stateName(17, 0)]).toEqual([0, false, 'UDP']);
});
