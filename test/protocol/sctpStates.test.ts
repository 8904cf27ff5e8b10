import { describe, expect, test } from 'vitest';
import { NONE, Protocol } from '../../src/base/terms.ts';
import { advance, isActive, stateName } from '../../src/protocol/advance.ts';
import { SCTP_STATE_NAMES, SctpEvent, sctpEvent } from '../../src/protocol/sctpStates.ts';
import { Direction } from '../../src/protocol/stateTable.ts';

const CASES: readonly (readonly [string, keyof typeof Direction, keyof typeof SctpEvent, string, string])[] = [
  // name                                   direction    event               from           to
  ['a client opens', 'input', 'init', 'NONE', 'INIT1'],
  ['and tries again', 'input', 'init', 'INIT1', 'INIT'],
  ['the server answers', 'output', 'initAck', 'INIT1', 'C-SENT'],
  ['the client sends the cookie back', 'input', 'cookieEcho', 'C-SENT', 'C-REPLIED'],
  ['the server takes it', 'output', 'cookieAck', 'C-REPLIED', 'ESTABLISHED'],
  ['data changes nothing', 'input', 'data', 'ESTABLISHED', 'ESTABLISHED'],
  ['the client shuts down', 'input', 'shutdown', 'ESTABLISHED', 'S-RECEIVED'],
  ['the server agrees', 'output', 'shutdownAck', 'S-RECEIVED', 'S-ACK-SENT'],
  ['the client aborts', 'input', 'abort', 'ESTABLISHED', 'CLOSED'],
  ['the server refuses', 'output', 'abort', 'INIT1', 'REJECTED'],
  ['one-sided: the cookie establishes', 'inputOnly', 'cookieEcho', 'INIT1', 'ESTABLISHED'],
];

test.each(CASES)('%s', (_name, direction, event, from, to) => {
  const state = advance(Protocol.sctp, Direction[direction], SctpEvent[event], SCTP_STATE_NAMES.indexOf(from));
  expect(stateName(Protocol.sctp, state)).toBe(to);
});

describe('the event of a packet is that of its first chunk', () => {
  test.each([
    ['INIT', 1, NONE, 'init'],
    ['DATA', 0, NONE, 'data'],
    ['SACK', 3, NONE, 'data'],
    ['an unknown type', 200, NONE, 'data'],
    ['COOKIE-ECHO with DATA', 10, 0, 'cookieEcho'],
    ['COOKIE-ECHO with ABORT', 10, 6, 'abort'],
    ['COOKIE-ACK with ABORT', 11, 6, 'abort'],
    ['SHUTDOWN with ABORT', 7, 6, 'shutdown'],
    ['SHUTDOWN-COMPLETE', 14, NONE, 'shutdownComplete'],
  ] as const)('%s', (_name, chunk, nextChunk, event) => {
    expect(sctpEvent(chunk, nextChunk)).toBe(SctpEvent[event]);
  });
});

test('active is the established association alone', () => {
  expect(SCTP_STATE_NAMES.filter((_name, state) => isActive(Protocol.sctp, state))).toEqual(['ESTABLISHED']);
});
