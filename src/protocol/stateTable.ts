/**
 * State machines written as text and read at start: per direction a block, per event a line, per current state a column.
 *
 *     INPUT      NO ES SS      <- names of the current states
 *       syn      SR ES ES      <- next states
 */
import { assert } from '../base/assert.ts';

/** Columns that a row of a parsed table takes: a power of two at least as large as any number of states. */
export const STATE_COLUMNS = 16;
/** Rows that a direction of a parsed table takes. */
export const EVENT_ROWS = 16;

/** Which way a packet went; `inputOnly` instead of `input` when no reply is ever seen (route, tunnel). */
export const Direction = { input: 0, output: 1, inputOnly: 2 } as const;
export type Direction = (typeof Direction)[keyof typeof Direction];

/** Where the next state stands in a parsed table. */
export function cell(direction: number, event: number, state: number): number {
  return (direction * EVENT_ROWS + event) * STATE_COLUMNS + state;
}

/**
 * Reads a machine.
 * @param text three blocks in the order of Direction, each headed by its name and the states' short names
 * @param events the lines' names, in the order of their numbers
 * @returns next states, by `cell`
 */
export function parseStateTable(text: string, events: readonly string[]): Uint8Array {
  const table = new Uint8Array(3 * EVENT_ROWS * STATE_COLUMNS);
  let direction = -1;
  let states: readonly string[] = [];
  for (const line of text.trim().split('\n')) {
    const [name = '', ...columns] = line.trim().split(/\s+/);
    if (name === name.toUpperCase()) {
      direction++;
      states = columns;
      continue;
    }
    const event = events.indexOf(name);
    assert(event >= 0 && columns.length === states.length, `a line of a state table is an event and its states: ${line}`);
    for (const [state, next] of columns.entries()) {
      assert(states.includes(next), `a next state is one of the columns: ${line}`);
      table[cell(direction, event, state)] = states.indexOf(next);
    }
  }
  assert(direction === Direction.inputOnly, 'a state table has three directions');
  return table;
}
